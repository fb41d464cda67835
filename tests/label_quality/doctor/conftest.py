"""A sound data set of small photos, each of its own, that tests damage."""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.dataset import DataSet

Draw = Callable[[int], Image.Image]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draw an RGB photo, 192 x 256, of coloured clouds and grain that depend on a number alone."""

    def image(seed: int) -> Image.Image:
        rng = np.random.default_rng(seed)
        clouds = Image.fromarray(rng.integers(60, 190, (12, 9, 3), dtype=np.uint8)).resize((192, 256))
        return Image.fromarray(np.asarray(clouds) + rng.integers(0, 12, (256, 192, 3), dtype=np.uint8))

    return image


@pytest.fixture
def data(tmp_path: Path, draw: Draw) -> DataSet:
    """Four people and three eval photos, as in `DataSet`, but without near duplicates."""
    made = DataSet(tmp_path / "photos")
    for number, path in enumerate(sorted(made.root.glob("*/images/**/*.*"))):
        path.write_bytes(encoded(draw, number, path.suffix))
    return made


@cache
def encoded(draw: Draw, number: int, suffix: str) -> bytes:
    buffer = BytesIO()
    draw(number).save(buffer, Image.registered_extensions()[suffix])
    return buffer.getvalue()
