"""Drawn people for tests, made once."""

from functools import cache

import numpy as np

from pipeline import synthetic
from pipeline.formats.images import Pixels


@cache
def people() -> tuple[Pixels, ...]:
    """Seven images each of a man and a woman, all with a face that can be found or nearly so."""
    sevens = [
        synthetic.seven(gender, 40, np.random.default_rng(seed)) for seed, gender in enumerate(("male", "female"))
    ]
    return tuple(image for seven in sevens for _, image in seven)
