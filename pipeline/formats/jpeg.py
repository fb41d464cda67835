"""JPEG files whose data end too early although an end marker follows: half a picture, and grey below it."""

import re
from collections.abc import Iterator
from io import BytesIO

from PIL import Image, ImageChops

END, SCAN = 0xD9, 0xDA
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The first marker after the coded data of a scan: neither a stuffed byte nor a restart."""
PROBE = b"".join(bytes(range(1, 255)) + bytes((0xFF, 0xD0 + restart)) for restart in range(8))
"""Coded data with every restart marker. A decoder that has all blocks skips it; one that misses blocks takes it."""
GREY = (127, 128)
"""What a decoder fills missing blocks with."""


def is_cut(data: bytes, image: Image.Image) -> bool:
    """Whether blocks of a JPEG's first image are missing.

    The decoder reports no error at an end marker and leaves the missing blocks grey. A file with a grey corner is
    decoded again with further data before that marker: the picture changes only if blocks are missing.

    Args:
        data: The file.
        image: The decoded image, of any size.
    """
    codes = dict(_markers(data))
    several_scans = sum(code == SCAN for code in codes.values()) > 1 or bool(set(PROGRESSIVE) & set(codes.values()))
    end = next((place for place, code in codes.items() if code == END), None)
    if end is None or not (several_scans or _is_grey(image)):
        return False
    probed = data[:end] + PROBE + data[end:]
    before, after = (_decoded(content, draft=not several_scans) for content in (data, probed))
    return ImageChops.difference(before, after).getbbox() is not None


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the place and the code of every marker up to the end of the first image."""
    place = 2
    while place + 4 <= len(data) + 2 and data[place : place + 1] == b"\xff":
        code = data[place + 1] if place + 1 < len(data) else END
        yield place, code
        if code == END:
            return
        place += 2 if code in WITHOUT_LENGTH else 2 + int.from_bytes(data[place + 2 : place + 4])
        if code == SCAN:
            found = MARKER.search(data, place)
            place = found.start() if found else len(data)


def _is_grey(image: Image.Image) -> bool:
    """Whether the corner that is decoded last is grey."""
    corner = image.getpixel((image.width - 1, image.height - 1))
    return all(value in GREY for value in (corner if isinstance(corner, tuple) else (corner,)))


def _decoded(data: bytes, draft: bool) -> Image.Image:
    image = Image.open(BytesIO(data), formats=("JPEG", "MPO"))
    if draft:
        image.draft("L", (1, 1))
    image.load()
    return image
