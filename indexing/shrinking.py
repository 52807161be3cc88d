"""When a catalogue lost so many pictures that a fault is likelier than a wish."""

# A catalogue that lost more than a tenth of its pictures has more likely lost a disk.
SHRINK_SHARE = 0.1


def has_shrunk(now: int, before: int) -> bool:
    """Tell whether more than that share of the pictures is gone.

    Args:
        now: how many pictures there are.
        before: how many there were, less those that were deleted by name, which is no loss.
    """
    return now < (1 - SHRINK_SHARE) * before
