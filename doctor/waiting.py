"""Saying what is waited for, where somebody looks on."""

import sys
from contextlib import AbstractContextManager, nullcontext

from lookalike.progress import working


def waiting(what: str) -> AbstractContextManager[None]:
    """Show on a terminal what is waited for; a log gets the findings alone."""
    return working(what) if sys.stderr.isatty() else nullcontext()
