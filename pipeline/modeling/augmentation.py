"""Preprocessing and augmentation of images with the transforms named in params.yaml.

They are albumentations', and the policies of torchvision that it lacks: RandAugment (Cubuk et al. 2020,
https://arxiv.org/abs/1909.13719), TrivialAugmentWide (Mueller and Hutter 2021, https://arxiv.org/abs/2103.10158),
AugMix (Hendrycks et al. 2020, https://arxiv.org/abs/1912.02781) and AutoAugment (Cubuk et al. 2019,
https://arxiv.org/abs/1805.09501).
"""

import os
import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torchvision.transforms import v2

from pipeline.formats import opencv  # one thread for albumentations too
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import ModelConfigError, did_you_mean
from pipeline.modeling.config import ModelConfig, Transform

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import would ask the network for a newer release

import albumentations as A
from albumentations.augmentations.crops.transforms import CropSizeError

RAISED = (
    *(ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError),
    *(opencv.cv2.error, CropSizeError),
)
"""What transforms raise for images or settings that do not fit."""


POLICIES = ("AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide")


class Policy(A.ImageOnlyTransform):  # type: ignore[misc]  # it has no types
    """A policy of torchvision as a transform of albumentations, with random numbers of its own seed."""

    def __init__(self, policy: v2.Transform, p: float = 1) -> None:
        super().__init__(p=p)
        self._policy = policy

    def get_params(self) -> dict[str, Any]:
        """Draw the seed of the next image."""
        return {"seed": int(self.random_generator.integers(2**63))}

    def apply(self, img: Pixels, seed: int, **_: Any) -> Pixels:
        """Image (h, w, 3) to another of the same shape; torch's own random numbers stay as they are."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            found = self._policy(torch.from_numpy(np.ascontiguousarray(img)).permute(2, 0, 1))
        return np.ascontiguousarray(found.permute(1, 2, 0).numpy())


class Pipeline:
    """Preprocessing, augmentation (if `training`) and resizing of an image, as set in a model's configuration."""

    def __init__(self, config: ModelConfig, training: bool, shape: tuple[int, int] | None = None) -> None:
        """Build the transforms.

        Args:
            config: The model's configuration.
            training: Whether images are augmented.
            shape: Height and width of the result in pixels; by default those of the network's input.
        """
        steps = [*config.preprocess, *config.augmentation] if training else config.preprocess
        size = A.Resize(*(shape or config.input_shape), area_for_downscale="image")  # no aliasing
        self._compose = A.Compose([*build(steps), size])

    def __call__(self, image: Pixels, seed: Sequence[int]) -> Pixels:
        """Image (h, w, 3) to one of the shape; the same seed gives the same augmentation."""
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
    if name in POLICIES:
        return _policy(str(name), dict(arguments or {}))
    transform = getattr(A, str(name), None)
    if not (isinstance(transform, type) and issubclass(transform, A.BasicTransform | A.BaseCompose)):
        hint = did_you_mean(str(name), POLICIES)
        raise ModelConfigError(f"augmentation '{name}' is unknown to albumentations {A.__version__}{hint}")
    arguments = dict(arguments or {})
    nested = {"transforms": build(arguments.pop("transforms"))} if "transforms" in arguments else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns about an unknown argument
            return transform(**nested, **_tuples(arguments))
    except (TypeError, ValueError, UserWarning) as error:
        raise ModelConfigError(f"augmentation '{name}': {error}") from error


def _policy(name: str, arguments: dict[str, Any]) -> Policy:
    probability = arguments.pop("p", 1)
    try:
        return Policy(getattr(v2, name)(**arguments), p=probability)
    except (TypeError, ValueError) as error:
        raise ModelConfigError(f"augmentation '{name}': {error}") from error


def _tuples(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
