"""outliers: a photo unlike the others is reported with the property that differs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.label_quality.doctor.findings import Check
from pipeline.label_quality.doctor.outliers import BLUR, BRIGHTNESS, FORMAT, SIZE, fences, find
from pipeline.label_quality.doctor.photos import CheckedPhoto

PLAIN = CheckedPhoto(
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


def test_photos_like_each_other_are_no_outliers() -> None:
    assert list(find([PLAIN, *OTHERS])) == []
    assert list(find([])) == []


OUTLIERS: dict[str, tuple[dict[str, Any], Check, str]] = {
    "rotated": ({"orientation": 6}, FORMAT, "EXIF orientation 6"),
    "transparent": ({"mode": "RGBA", "transparent": True, "kind": "PNG", "path": "a.png"}, FORMAT, "transparency"),
    "print colours": ({"mode": "CMYK"}, FORMAT, "mode CMYK"),
    "wrong suffix": ({"kind": "PNG"}, FORMAT, "content is PNG"),
    "wide": ({"width": 512, "height": 384}, SIZE, "512 x 384, the others have 384 x 512"),
    "dark": ({"brightness": 20}, BRIGHTNESS, "brightness 20 of 255, the others have about 129"),
    "bright": ({"brightness": 250}, BRIGHTNESS, "brightness 250 of 255"),
    "blurred": ({"sharpness": 2}, BLUR, "sharpness 2.0, the others have about 49.0"),
    "of one colour": ({"sharpness": 0}, BLUR, "sharpness 0.0"),
}


@pytest.mark.parametrize("kind", OUTLIERS)
def test_an_outlier_is_reported_with_the_property_that_differs(kind: str) -> None:
    changes, check, text = OUTLIERS[kind]
    odd = replace(PLAIN, **changes)
    (finding,) = find([*OTHERS, odd])
    assert (finding.check, finding.photos) == (check, (odd.path,))
    assert text in finding.text


def test_a_few_photos_do_not_show_what_brightness_is_usual() -> None:
    few = [replace(PLAIN, path=f"{number}.jpg", brightness=120 + number % 2) for number in range(8)]
    assert list(find([*few, replace(PLAIN, brightness=147)])) == []
    (finding,) = find([*few, replace(PLAIN, brightness=147, width=48, height=64)])
    assert finding.check is SIZE


def test_the_sharpest_photo_is_no_outlier() -> None:
    assert list(find([*OTHERS, replace(PLAIN, sharpness=1e5)])) == []


def test_fences_are_three_interquartile_ranges_from_the_quartiles() -> None:
    assert fences(np.arange(101.0)) == (25 - 150, 75 + 150)
