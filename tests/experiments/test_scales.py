"""scales: a reduced recipe is the same recipe, only small."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import params
from pipeline.config.params import Params
from pipeline.experiments.scales import MATCHED, PRETRAINED, SCALES, STAND_INS, matched, reduce
from pipeline.foundation.errors import InputError
from pipeline.modeling import sanity_check
from pipeline.modeling.config import ModelConfig

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
MATCHED_NETWORK = {key: value for key, value in MATCHED.items() if key != "epochs"}
SHRUNK = {"backbone", "pretrained", "weights", "image_size", "epochs", "last_epochs_on_validation", "batch_size"}


def intact(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without those that a scale may touch."""
    kept = settings | {"split": settings["split"] | {"folds": 0}, "train": settings["train"] | {"folds": 0}}
    kept["crop"] = settings["crop"] | {"size": 0}
    kept["refit"] = settings["refit"] | {"epochs": 0}
    kept["models"] = {
        name: {key: value for key, value in config.items() if key not in SHRUNK}
        for name, config in settings["models"].items()
    }
    return kept


@pytest.mark.parametrize("scale", ["smoke", "cpu"])
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_reduced_recipe_is_valid_and_keeps_all_but_its_size(recipe: Path, scale: str) -> None:
    whole = params.load(recipe)
    settings = reduce(whole, SCALES[scale])
    small, limit = Params.model_validate(settings), SCALES[scale]
    assert limit is not None
    assert intact(settings) == intact(whole.model_dump(mode="json"))
    assert len(small.train.folds) <= limit.trained
    assert all(epochs <= limit.epochs for epochs in small.refit.epochs.values())
    for name, config in small.models.items():
        assert not config.pretrained
        assert config.epochs <= limit.epochs
        assert min(config.input_shape) == min(*whole.models[name].input_shape, limit.size)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_matched_recipes_share_network_training_settings_and_held_out_people(recipe: Path) -> None:
    whole = params.load(recipe)
    settings = reduce(whole, SCALES["matched"])
    small = Params.model_validate(settings)
    assert (small.split.folds, small.train.folds) == (2, (0, 1))
    for name, config in settings["models"].items():
        before = whole.model_dump(mode="json")["models"][name]
        assert {key: config[key] for key in MATCHED_NETWORK} == MATCHED_NETWORK
        assert {key for key in config if config[key] != before[key]} <= SHRUNK | MATCHED.keys()
        assert config["epochs"] + config["last_epochs_on_validation"] == MATCHED["epochs"]
    assert small.refit.epochs == {}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_matched_recipes_can_share_published_weights(recipe: Path) -> None:
    scale = matched("tf_efficientnet_lite0", Path("weights/lite0.safetensors"), image_size=128, epochs=3)
    small = Params.model_validate(reduce(params.load(recipe), scale))
    for config in small.models.values():
        assert (config.backbone, config.pretrained) == ("tf_efficientnet_lite0", True)
        assert (config.weights, config.image_size, config.total_epochs) == (Path("weights/lite0.safetensors"), 128, 3)
        assert config.optimizer.at(0).learning_rate == PRETRAINED["optimizer"]["learning_rate"]
    assert min(small.crop.shape) <= 128


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_full_scale_is_the_recipe(recipe: Path) -> None:
    whole = params.load(recipe)
    assert Params.model_validate(reduce(whole, SCALES["full"])) == whole


@pytest.mark.parametrize(
    ("backbone", "small", "tiny"),
    [
        ("resnet152", "resnet10t", "test_resnet"),
        ("tf_efficientnet_b7", "efficientnet_lite0", "test_efficientnet"),
        ("convnext_base.fb_in22k", "convnext_atto", "test_convnext"),
        ("test_vit", "test_vit", "test_vit"),
    ],
)
def test_a_stand_in_is_of_the_same_family(backbone: str, small: str, tiny: str) -> None:
    settings = params.load(RECIPES[0]).model_dump(mode="json")
    config = next(iter(settings["models"].values()))
    config["backbone"] = backbone
    recipe = Params.model_validate(settings)
    found = [next(iter(reduce(recipe, SCALES[scale])["models"].values()))["backbone"] for scale in ("cpu", "smoke")]
    assert found == [small, tiny]


def test_a_family_without_a_stand_in_is_named() -> None:
    settings = params.load(RECIPES[0]).model_dump(mode="json")
    next(iter(settings["models"].values()))["backbone"] = "vgg16"
    with pytest.raises(
        InputError, match=f"backbone 'vgg16' has no small stand-in; there are some for {', '.join(STAND_INS)}"
    ):
        reduce(Params.model_validate(settings), SCALES["smoke"])


def test_crops_keep_their_shape() -> None:
    settings = params.load(RECIPES[0]).model_dump(mode="json")
    settings["crop"]["size"] = [512, 384]
    height, width = reduce(Params.model_validate(settings), SCALES["cpu"])["crop"]["size"]
    assert width == 64
    assert height / width == pytest.approx(512 / 384, abs=0.01)


@pytest.mark.parametrize("scale", ["smoke", "cpu"])
@pytest.mark.parametrize("family", STAND_INS)
def test_a_stand_in_takes_photos_of_the_size_of_its_scale(family: str, scale: str) -> None:
    limit = SCALES[scale]
    assert limit
    settings = {"epochs": 1, "optimizer": {"learning_rate": 1}, "heads": {"mask": {}}}
    config = {"backbone": STAND_INS[family][limit.tiny], "image_size": limit.size} | settings
    assert sanity_check.faults(ModelConfig.model_validate(config), (limit.size, limit.size)) == []


def test_weights_are_averaged_over_folds_only_where_networks_start_from_published_ones() -> None:
    whole = params.load(Path(__file__).parents[2] / "recipes" / "r1-podium-b3.yaml").model_dump(mode="json")
    whole["refit"] |= {"soup": ["age"], "epochs": {}}
    soup = Params.model_validate(whole)
    for scale in (SCALES["smoke"], SCALES["matched"]):
        assert reduce(soup, scale)["refit"]["soup"] == []
    assert reduce(soup, matched("tf_efficientnet_lite0", Path("lite0.safetensors")))["refit"]["soup"] == ["age"]
