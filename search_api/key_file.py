"""What ``lookalike api-key`` needs to write a key's line; lookalike/key_file.py has all of it."""

from lookalike.key_file import Scope, add_line, line_of

__all__ = ["Scope", "add_line", "line_of"]
