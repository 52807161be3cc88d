"""The catalogue: which pictures there are, by what name, where, and of which category.

It lists files and must not open them; whether a file is a picture is told by its bytes,
later, where it is read.
"""

from lookalike.catalogue.folder import Folder
from lookalike.catalogue.picture import Attribute, Picture, Stamp

__all__ = ["Attribute", "Folder", "Picture", "Stamp"]
