"""The catalogue: which pictures there are, by what name, where, and of which category.

It lists files and must not open them; whether a file is a picture is told by its bytes,
later, where it is read.
"""

from lookalike.catalogue.base import Catalogue
from lookalike.catalogue.folder import Folder, file_of
from lookalike.catalogue.opening import open_catalogue
from lookalike.catalogue.picture import Attribute, Picture, Stamp
from lookalike.catalogue.unique import check_unique

__all__ = [
    "Attribute",
    "Catalogue",
    "Folder",
    "Picture",
    "Stamp",
    "check_unique",
    "file_of",
    "open_catalogue",
]
