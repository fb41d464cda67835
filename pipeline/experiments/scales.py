"""Scales to which a recipe is reduced: fewer people, folds and epochs, smaller photos, batches and backbones."""

from pathlib import Path
from typing import Any, NamedTuple

from pipeline.config.params import Params
from pipeline.foundation.errors import InputError

STAND_INS = {  # by the beginning of a name: a small backbone of the same family, and a tiny one
    "vit_small_plus_patch16_dinov3": ("vit_tiny_patch16_dinov3_qkvb", "vit_tiny_patch16_dinov3_qkvb"),
    "vit": ("vit_tiny_patch16_224", "test_vit"),
    "resnet": ("resnet10t", "test_resnet"),
    "dlib_face_recognition_resnet": ("resnet10t", "test_resnet"),
    "mobilenetv1": ("mobilenetv1_100", "test_efficientnet"),  # it is small, and of the same module of timm
    "efficientnet": ("efficientnet_lite0", "test_efficientnet"),
    "convnext": ("convnext_atto", "test_convnext"),
    "coatnet": ("coatnet_pico_rw_224", "test_coatnet"),
    "swin": ("swin_tiny_patch4_window7_224", "swin_tiny_patch4_window7_224"),  # timm has none that is smaller
}

MATCHED: dict[str, Any] = {  # one small network from scratch, and the one way to train it
    "backbone": "test_resnet",
    "backbone_args": {},
    "levels": [],
    "pretrained": False,
    "weights": None,
    "normalize": "auto",
    "image_size": 72,
    "progressive_resizing": None,
    "epochs": 30,
    "frozen_epochs": 0,
    "select": "last",  # no epoch is selected on the people whose score is compared
    "patience": None,
    "batch_size": 32,
    "accumulate": 1,
    "optimizer": {"name": "adamw", "learning_rate": 4e-3, "weight_decay": 0.05},
    "schedule": {"name": "cosine", "warmup": 1},
    "ema": None,
    "precision": "32-true",
}
PRETRAINED: dict[str, Any] = {  # what changes when the one network starts from published weights
    "pretrained": True,
    "image_size": 144,
    "epochs": 5,
    "optimizer": {"name": "adamw", "learning_rate": 7e-4, "weight_decay": 0.05},
    "schedule": {"name": "cosine", "warmup": 0.5},
    "ema": 0.99,
}


class Scale(NamedTuple):
    """Upper limits for the settings of a recipe: `folds` are made, and `trained` of them are trained.

    With `matched` every model configuration gets these values, and every fold is trained, whatever its recipe: each
    training takes as many epochs of as many batches as the photos that the recipe samples fill.
    """

    people: int
    folds: int
    trained: int
    size: int
    epochs: int
    batch_size: int
    tiny: bool = False
    matched: dict[str, Any] | None = None


def matched(
    backbone: str | None = None, weights: Path | None = None, image_size: int | None = None, epochs: int | None = None
) -> Scale:
    """The scale `matched` with another network.

    Args:
        backbone: Name of a timm model.
        weights: File of its published weights, from which every training starts.
        image_size: Height and width of the network's input in pixels.
        epochs: Number of epochs of every training.
    """
    given = {
        "backbone": backbone,
        "weights": str(weights) if weights else None,
        "image_size": image_size,
        "epochs": epochs,
    }
    settings = MATCHED | (PRETRAINED if weights else {}) | {key: value for key, value in given.items() if value}
    return Scale(600, 2, 2, settings["image_size"], settings["epochs"], settings["batch_size"], matched=settings)


SCALES = {
    "smoke": Scale(people=24, folds=2, trained=1, size=32, epochs=1, batch_size=16, tiny=True),
    "cpu": Scale(people=60, folds=2, trained=1, size=64, epochs=2, batch_size=16),
    "matched": matched(),
    "full": None,
}
RANKING = ("matched", "full")  # scales at which scores compare recipes; at others the networks have learned too little


def reduce(params: Params, scale: Scale | None) -> dict[str, Any]:
    """The settings of a recipe at a scale, in the layout of a params file; without a scale they are unchanged."""
    settings = params.model_dump(mode="json")
    if scale is None:
        return settings
    settings["crop"]["size"] = _at_most(list(params.crop.shape), scale.size)
    settings["split"]["folds"] = folds = min(params.split.folds, scale.folds)
    if scale.matched:
        settings["split"]["validation"] = None  # every recipe holds out the same people
    wanted = range(folds) if scale.matched else {fold % folds for fold in params.train.folds}
    settings["train"]["folds"] = sorted(wanted)[: scale.trained]
    limit = {name: min(epochs, scale.epochs) for name, epochs in params.refit.epochs.items()}
    settings["refit"]["epochs"] = {} if scale.matched else limit  # matched: as many as the folds
    if not (scale.matched or {}).get("pretrained"):
        settings["refit"]["soup"] = []  # networks from random weights cannot be averaged
    settings["models"] = {name: _reduce_model(config, scale) for name, config in settings["models"].items()}
    return settings


def _reduce_model(config: dict[str, Any], scale: Scale) -> dict[str, Any]:
    if scale.matched:
        last = min(config["last_epochs_on_validation"], scale.epochs - 1)
        return {
            **config,
            **scale.matched,
            "epochs": scale.epochs - last,
            "last_epochs_on_validation": last,
            "image_size": scale.size,
        }
    most = {"epochs": scale.epochs, "last_epochs_on_validation": scale.epochs, "batch_size": scale.batch_size}
    backbone = _stand_in(config["backbone"], scale.tiny)
    return {
        **config,
        **{key: min(config[key], limit) for key, limit in most.items()},
        "backbone": backbone,
        "image_size": _at_most(config["image_size"], scale.size),
        "pretrained": False,
        "weights": None,
    }


def _at_most(size: int | list[int], most: int) -> int | list[int]:
    """A side, or height and width, whose shorter side is at most so long."""
    if isinstance(size, int):
        return min(size, most)
    return [min(round(side * most / min(size)), side) for side in size]


def _stand_in(backbone: str, tiny: bool) -> str:
    if backbone.startswith("test_"):
        return backbone
    for family, stand_ins in STAND_INS.items():
        if backbone.rpartition("/")[2].removeprefix("tf_").startswith(family):
            return stand_ins[tiny]
    raise InputError(f"backbone '{backbone}' has no small stand-in; there are some for {', '.join(STAND_INS)}")
