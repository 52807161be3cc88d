import pytest

from indexing.planner.quantities import byte_text, hour_text, quantity
from lookalike.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50000", 50_000),
        ("50,000", 50_000),
        ("1_000", 1000),
        ("1,000_000.5k", 1_000_000_500),
        ("50k", 50_000),
        ("50K", 50_000),
        ("1.5M", 1_500_000),
        ("50 M", 50_000_000),
        ("1B", 10**9),
        ("32G", 32 * 10**9),
        ("32Gi", 32 * 2**30),
        ("2T", 2 * 10**12),
    ],
)
def test_a_quantity_is_read_with_its_suffix(text: str, value: int) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M",
        "-5",
        "0",
        "0.1",
        "5x",
        "5 M M",
        "1e6",
        "nan",
        "5m",
        "1,5M",
        "1,0000",
        "1,,000",
        "1,000,",
    ],
)
def test_what_is_no_quantity_is_an_error_that_shows_how_to_write_one(text: str) -> None:
    with pytest.raises(ConfigurationError):
        quantity(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (950, "950 B"),
        (14_912_000_000, "14.9 GB"),
        (999_600_000, "1 GB"),
        (1e18, "1,000 PB"),
    ],
)
def test_bytes_are_written_with_three_digits(count: float, text: str) -> None:
    assert byte_text(count) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (120, "120 hours"),
        (2.5, "2.5 hours"),
        (0.5, "30 minutes"),
        (1.5, "90 minutes"),
        (0.001, "3.6 seconds"),
    ],
)
def test_times_are_written_in_the_unit_that_fits(hours: float, text: str) -> None:
    assert hour_text(hours) == text
