"""The C library's heap, set so that a decoder's buffers are used again and again."""

import ctypes

# From malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
# The largest that glibc takes; larger buffers are given back as soon as they are free.
LARGEST_KEPT = 32 << 20
KEPT = 64 << 20
PAD = 1 << 20


def keep_freed_memory() -> None:
    """Keep up to ``KEPT`` bytes that are free, instead of giving them back at every picture.

    Decoding takes and frees some hundred kilobytes a picture. By default they are taken from
    the system each time, which clears every page of them anew: a quarter of the time that a
    500×375 JPEG takes, as measured. Other C libraries keep their ways.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return
    set_option(M_MMAP_THRESHOLD, LARGEST_KEPT)
    set_option(M_TRIM_THRESHOLD, KEPT)
    set_option(M_TOP_PAD, PAD)
