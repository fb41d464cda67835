"""oddities: a photo unlike the others is named with what is unlike."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.label_quality.doctor.findings import Check
from pipeline.label_quality.doctor.outliers import BLUR, BRIGHTNESS, ODD, SIZE, fences, find
from pipeline.label_quality.doctor.photos import Picture

PLAIN = Picture(
    path="eval/images/odd.jpg",
    content=b"",
    kind="JPEG",
    mode="RGB",
    orientation=1,
    transparent=False,
    width=384,
    height=512,
    brightness=130,
    sharpness=50,
    perceptual_hash=b"",
    thumbnail=b"",
)
OTHERS = [
    replace(PLAIN, path=f"eval/images/{number}.jpg", brightness=110 + number, sharpness=30 + number)
    for number in range(40)
]


def test_photos_like_each_other_are_not_odd() -> None:
    assert list(find([PLAIN, *OTHERS])) == []
    assert list(find([])) == []


ODDITIES: dict[str, tuple[dict[str, Any], Check, str]] = {
    "rotated": ({"orientation": 6}, ODD, "EXIF orientation 6"),
    "transparent": ({"mode": "RGBA", "transparent": True, "kind": "PNG", "path": "a.png"}, ODD, "transparency"),
    "print colours": ({"mode": "CMYK"}, ODD, "mode CMYK"),
    "wrong suffix": ({"kind": "PNG"}, ODD, "a PNG file by content"),
    "wide": ({"width": 512, "height": 384}, SIZE, "512 x 384, where others have 384 x 512"),
    "dark": ({"brightness": 20}, BRIGHTNESS, "brightness 20 of 255, where others have about 129"),
    "bright": ({"brightness": 250}, BRIGHTNESS, "brightness 250 of 255"),
    "blurred": ({"sharpness": 2}, BLUR, "sharpness 2.0, where others have about 49.0"),
    "of one colour": ({"sharpness": 0}, BLUR, "sharpness 0.0"),
}


@pytest.mark.parametrize("kind", ODDITIES)
def test_an_odd_picture_is_named_with_what_is_odd(kind: str) -> None:
    changes, check, text = ODDITIES[kind]
    odd = replace(PLAIN, **changes)
    (finding,) = find([*OTHERS, odd])
    assert (finding.check, finding.photos) == (check, (odd.path,))
    assert text in finding.text


def test_the_sharpest_picture_is_not_odd() -> None:
    assert list(find([*OTHERS, replace(PLAIN, sharpness=1e5)])) == []


def test_fences_are_three_interquartile_ranges_from_the_quartiles() -> None:
    assert fences(np.arange(101.0)) == (25 - 150, 75 + 150)
