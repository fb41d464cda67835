"""Photos of synthetic people for tests, drawn once."""

from functools import cache

import numpy as np

from pipeline.formats.images import Pixels
from pipeline.synthetic.photo import person_photos


@cache
def people() -> tuple[Pixels, ...]:
    """Seven images each of a man and a woman, all with a face that can be found or nearly so."""
    generators = {gender: np.random.default_rng(seed) for seed, gender in enumerate(("male", "female"))}
    return tuple(image for gender, rng in generators.items() for _, image in person_photos(gender, 40, rng))
