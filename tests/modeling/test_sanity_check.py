"""A dry run finds settings with which a training would fail or be wrong, and passes those that train."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.modeling.config import ModelConfig
from pipeline.modeling.sanity_check import faults

Make = Callable[..., ModelConfig]
CROP = (48, 40)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"preprocess": [{"CenterCrop": {"height": 40, "width": 40}}], "augmentation": [{"HorizontalFlip": {}}]},
        {"augmentation": [{"OneOf": {"transforms": [{"Rotate": {"p": 0}}, {"ToGray": {}}]}}]},
        {"augmentation": [{"Sequential": {"transforms": [{"Resize": {"height": 90, "width": 90}}]}}]},
        {"heads": {"mask": {}, "gender": {"loss": "focal"}, "age": {"kind": "regression", "loss": "smooth_l1"}}},
        {"heads": {"age": {"kind": "ordinal", "loss": "coral"}}},
        {"heads": {"mask x gender x age": {"loss": {"name": "arcface"}}}},
        {"backbone": "vit_tiny_patch16_224", "image_size": 48},
        {"batch_size": 1, "image_size": 96},
        {"image_size": 96, "progressive_resizing": {"start": 0.3}},
    ],
    ids=str,
)
def test_settings_that_train_have_no_faults(config: Make, settings: dict[str, Any]) -> None:
    assert faults(config(**settings), CROP) == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"augmentation": [{"Normalize": {}}]}, "augmentation.0: Normalize gives float32; transforms keep RGB pixels"),
        ({"preprocess": [{"ToFloat": {}}]}, "preprocess.0: ToFloat gives float32; "),
        ({"augmentation": [{"HorizontalFlip": {}}, {"ToTensorV2": {}}]}, "augmentation.1: ToTensorV2 gives Tensor; "),
        (
            {"augmentation": [{"ToGray": {"p": 0.01, "num_output_channels": 1}}]},
            "augmentation.0: ToGray gives shape (48, 40); ",
        ),
        (
            {"augmentation": [{"CenterCrop": {"height": 320, "width": 320}}]},
            "augmentation.0: CenterCrop fails on a picture of 48 x 40 (crop.size): Crop size",
        ),
        (
            {"augmentation": [{"OneOf": {"transforms": [{"HorizontalFlip": {}}, {"Normalize": {}}]}}]},
            "augmentation.0.OneOf.1: Normalize gives float32; ",
        ),
        (
            {"preprocess": [{"CenterCrop": {"height": 44, "width": 40}}], "oversample": {"times": 2, "crop": 0.5}},
            "preprocess.0: CenterCrop fails on a picture of 24 x 20 (crop.size)",
        ),
        ({"augmentation": [{"Rotat": {}}]}, "augmentation.0: augmentation 'Rotat' is unknown"),
        ({"backbone": "test_resne"}, "backbone 'test_resne' is unknown"),
        ({"backbone": "vgg11", "image_size": 8}, "backbone 'vgg11' does not work with image_size 8"),
        ({"batch_size": 1, "image_size": 32}, "batch_size: 1 is too small for this network (Expected more than 1"),
        (
            {"backbone": "vit_tiny_patch16_224", "image_size": 64, "progressive_resizing": {}},
            "progressive_resizing: backbone 'vit_tiny_patch16_224' takes no images of 32 x 32 px, which",
        ),
        ({"drop_ages": [[1, 200]]}, "drop_ages ((1, 200),) leaves nobody to train on"),
    ],
    ids=str,
)
def test_a_fault_is_a_line_that_begins_with_its_key(config: Make, settings: dict[str, Any], fault: str) -> None:
    (found,) = faults(config(**settings), CROP)
    assert found.startswith(fault.removesuffix("; "))


def test_nothing_is_downloaded(config: Make) -> None:
    assert faults(config(pretrained=True, weights="absent.safetensors"), CROP) == []
