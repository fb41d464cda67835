"""Preprocessing and augmentation of images with the albumentations transforms named in params.yaml."""

import os
import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.formats import opencv  # one thread for albumentations too
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling.config import ModelConfig, Transform

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import would ask the network for a newer release

import albumentations as A
from albumentations.augmentations.crops.transforms import CropSizeError

RAISED = (
    *(ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError),
    *(opencv.cv2.error, CropSizeError),
)
"""What transforms raise for images or settings that do not fit."""


class Pipeline:
    """Preprocessing, augmentation (if `training`) and resizing of an image, as set in a model's configuration."""

    def __init__(self, config: ModelConfig, training: bool) -> None:
        steps = [*config.preprocess, *config.augmentation] if training else config.preprocess
        size = A.Resize(config.image_size, config.image_size, area_for_downscale="image")  # no aliasing
        self._compose = A.Compose([*build(steps), size])

    def __call__(self, image: Pixels, seed: Sequence[int]) -> Pixels:
        """Image (h, w, 3) to (image_size, image_size, 3); the same seed gives the same augmentation."""
        random_state = np.random.default_rng(seed)
        # one state for all transforms: `set_random_seed` seeds each with the same number, which correlates them
        self._compose.set_random_state(random_state, random.Random(int(random_state.integers(2**32))))
        return np.ascontiguousarray(self._compose(image=image)["image"])


def build(steps: Sequence[Transform]) -> list[Any]:
    """Create transforms from `{Name: {argument: value}}`; compositions such as `OneOf` have a list `transforms`.

    Raises:
        ModelConfigError: When a transform or argument is unknown; the error names it.
    """
    if not isinstance(steps, list | tuple):
        raise ModelConfigError(f"augmentation: transforms must be a list of transforms, not {steps!r}")
    return [_build_one(step) for step in steps]


def _build_one(step: Transform) -> Any:
    if not isinstance(step, dict) or len(step) != 1 or not isinstance(next(iter(step.values())), dict | None):
        raise ModelConfigError(f"augmentation {step} is not one name over its arguments")
    ((name, arguments),) = step.items()
    transform = getattr(A, str(name), None)
    if not (isinstance(transform, type) and issubclass(transform, A.BasicTransform | A.BaseCompose)):
        raise ModelConfigError(f"augmentation '{name}' is unknown to albumentations {A.__version__}")
    arguments = dict(arguments or {})
    nested = {"transforms": build(arguments.pop("transforms"))} if "transforms" in arguments else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns about an unknown argument
            return transform(**nested, **_tuples(arguments))
    except (TypeError, ValueError, UserWarning) as error:
        raise ModelConfigError(f"augmentation '{name}': {error}") from error


def _tuples(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
