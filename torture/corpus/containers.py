"""Containers that break the rules of their formats: counts, lengths, orders, codes."""

from collections.abc import Iterator

from torture.case import Case
from torture.corpus.avif_containers import avif_containers
from torture.corpus.jpeg_containers import jpeg_containers
from torture.corpus.other_containers import bmp_containers, gif_containers, webp_containers
from torture.corpus.png_containers import png_containers


def containers() -> Iterator[Case]:
    """Give the broken containers of all six formats."""
    yield from jpeg_containers()
    yield from png_containers()
    yield from gif_containers()
    yield from bmp_containers()
    yield from webp_containers()
    yield from avif_containers()
