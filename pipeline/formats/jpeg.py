"""JPEG files whose data end too early although an end marker follows: grey below half a picture, or a blurred one."""

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import product

from PIL import Image, ImageChops

END, SCAN = 0xD9, 0xDA
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
FRAME = (0xC0, 0xC1, *PROGRESSIVE, 0xC9)
COEFFICIENTS = 64
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The first marker after the coded data of a scan: neither a stuffed byte nor a restart."""
PROBE = b"".join(bytes(range(1, 255)) + bytes((0xFF, 0xD0 + restart)) for restart in range(8))
"""Coded data with every restart marker. A decoder that has all blocks skips it; one that misses blocks takes it."""
GREY = (127, 128)
"""What a decoder fills missing blocks with."""


def is_cut(data: bytes, image: Image.Image) -> bool:
    """Whether blocks or scans of a JPEG's first image are missing.

    The decoder reports no error at an end marker, leaves missing blocks grey and takes missing scans as zeros. A file
    with a grey corner is decoded again with further data before that marker: the picture changes only if blocks are
    missing.

    Args:
        data: The file.
        image: The decoded image, of any size.
    """
    codes = dict(_markers(data))
    if _lacks_scans(data, codes):
        return True
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


def _lacks_scans(data: bytes, codes: Mapping[int, int]) -> bool:
    """Whether a coefficient of a component comes in no scan, or in none with its last bit (ITU-T T.81, B.2.3, G.1)."""
    frame = next((place for place, code in codes.items() if code in FRAME), None)
    if frame is None:
        return False
    components = data[frame + 10 :][: 3 * data[frame + 9] : 3]
    complete: set[tuple[int, int]] = set()
    for scan in (place for place, code in codes.items() if code == SCAN):
        own, (first, last, bits) = data[scan + 5 :][: 2 * data[scan + 4] : 2], data[scan + 5 + 2 * data[scan + 4] :][:3]
        if codes[frame] not in PROGRESSIVE:
            complete |= set(product(own, range(COEFFICIENTS)))
        elif bits & 0x0F == 0:
            complete |= set(product(own, range(first, last + 1)))
    return not complete.issuperset(product(components, range(COEFFICIENTS)))


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
