"""Scales to which a recipe is reduced: fewer people, folds and epochs, smaller photos, batches and backbones."""

from typing import Any, NamedTuple

from pipeline.config.params import Params
from pipeline.foundation.errors import InputError

STAND_INS = {  # by the beginning of a timm name: a small backbone of the same family, and a tiny one
    "vit_small_plus_patch16_dinov3": ("vit_tiny_patch16_dinov3_qkvb", "vit_tiny_patch16_dinov3_qkvb"),
    "vit": ("vit_tiny_patch16_224", "test_vit"),
    "resnet": ("resnet10t", "test_resnet"),
    "efficientnet": ("efficientnet_lite0", "test_efficientnet"),
    "convnext": ("convnext_atto", "test_convnext"),
    "coatnet": ("coatnet_pico_rw_224", "test_coatnet"),
    "swin": ("swin_tiny_patch4_window7_224", "swin_tiny_patch4_window7_224"),  # timm has none that is smaller
}
FIXED_SIZE = {  # stand-ins that accept images of one size only
    "coatnet_pico_rw_224": 224,
    "test_coatnet": 160,
    "swin_tiny_patch4_window7_224": 224,
}


MATCHED: dict[str, Any] = {  # one small network from scratch, and the one way to train it
    "backbone": "test_resnet",
    "epochs": 30,
    "patience": None,
    "batch_size": 32,
    "accumulate": 1,
    "optimizer": {"name": "adamw", "learning_rate": 4e-3, "weight_decay": 0.05},
    "schedule": {"name": "cosine", "warmup": 1},
    "ema": None,
    "precision": "32-true",
}


class Scale(NamedTuple):
    """Upper limits for the settings of a recipe: `folds` are made, and `trained` of them are trained.

    With `matched` every model configuration gets these values, and every fold is trained, whatever its recipe.
    """

    people: int
    folds: int
    trained: int
    size: int
    epochs: int
    batch_size: int
    tiny: bool = False
    matched: dict[str, Any] | None = None


SCALES = {
    "smoke": Scale(people=24, folds=2, trained=1, size=32, epochs=1, batch_size=16, tiny=True),
    "cpu": Scale(people=60, folds=2, trained=1, size=64, epochs=2, batch_size=16),
    "matched": Scale(
        people=600,
        folds=2,
        trained=2,
        size=72,
        epochs=MATCHED["epochs"],
        batch_size=MATCHED["batch_size"],
        matched=MATCHED,
    ),
    "full": None,
}


def reduce(params: Params, scale: Scale | None) -> dict[str, Any]:
    """The settings of a recipe at a scale, in the layout of a params file; without a scale they are unchanged."""
    settings = params.model_dump(mode="json")
    if scale is None:
        return settings
    height, width = params.crop.shape
    settings["crop"]["size"] = [min(round(side * scale.size / min(height, width)), side) for side in (height, width)]
    settings["split"]["folds"] = folds = min(params.split.folds, scale.folds)
    if scale.matched:
        settings["split"]["validation"] = None  # every recipe holds out the same people
    wanted = range(folds) if scale.matched else {fold % folds for fold in params.train.folds}
    settings["train"]["folds"] = sorted(wanted)[: scale.trained]
    settings["refit"]["epochs"] = {name: min(epochs, scale.epochs) for name, epochs in params.refit.epochs.items()}
    settings["models"] = {name: _reduce_model(config, scale) for name, config in settings["models"].items()}
    return settings


def _reduce_model(config: dict[str, Any], scale: Scale) -> dict[str, Any]:
    config = config | (scale.matched or {"backbone": _stand_in(config["backbone"], scale.tiny)})
    most = {"epochs": scale.epochs, "last_epochs_on_validation": scale.epochs, "batch_size": scale.batch_size}
    return {
        **config,
        **{key: min(config[key], limit) for key, limit in most.items()},
        "image_size": FIXED_SIZE.get(config["backbone"], min(config["image_size"], scale.size)),
        "pretrained": False,
        "weights": None,
    }


def _stand_in(backbone: str, tiny: bool) -> str:
    if backbone.startswith("test_"):
        return backbone
    for family, stand_ins in STAND_INS.items():
        if backbone.rpartition("/")[2].removeprefix("tf_").startswith(family):
            return stand_ins[tiny]
    raise InputError(f"backbone '{backbone}' has no small stand-in; there are some for {', '.join(STAND_INS)}")
