"""Quantities as people write them: ``50M`` pictures, ``32G`` or ``32Gi`` of memory."""

import re

from lookalike.errors import ConfigurationError

DECIMAL = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
SUFFIXES = DECIMAL | {"k": 10**3} | BINARY
# Commas divide thousands alone: whoever writes 1,5M means another number than 15M.
QUANTITY = re.compile(r"\s*(\d+(?:[,_]\d{3})*(?:\.\d+)?)\s*([A-Za-z]*)\s*")
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def quantity(text: str) -> int:
    """Read a number with a suffix: K, M, G or B, T by thousands; Ki, Mi, Gi, Ti by 1024.

    Raises:
        ConfigurationError: it is none, or not 1 or more.
    """
    found = QUANTITY.fullmatch(text)
    if found is None or found[2] not in SUFFIXES:
        raise ConfigurationError(f"{text!r} is no quantity: write 50000, 50k, 50M, 32G or 32Gi")
    value = round(float(re.sub("[,_]", "", found[1])) * SUFFIXES[found[2]])
    if value < 1:
        raise ConfigurationError(f"{text!r} is less than one")
    return value


def byte_text(count: float) -> str:
    """Write bytes with three digits and a decimal unit: ``14.9 GB``."""
    unit = 0
    while count >= 999.5 and unit < len(BYTE_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{_digits(count)} {BYTE_UNITS[unit]}"


def hour_text(hours: float) -> str:
    """Write a time with two or three digits, in the unit that fits: ``12 minutes``."""
    for unit, size in (("hours", 1.0), ("minutes", 1 / 60)):
        if hours >= 2 * size:
            return f"{_digits(hours / size)} {unit}"
    return f"{_digits(hours * 3600)} seconds"


def _digits(value: float) -> str:
    decimals = 0 if value >= 99.5 else 1 if value >= 9.95 else 2
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
