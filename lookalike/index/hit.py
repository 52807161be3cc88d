"""What a search of a version finds."""

import msgspec

from lookalike.index.picture_row import PictureRow


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A picture that was found, and its Euclidean distance from the query."""

    picture: PictureRow
    distance: float
