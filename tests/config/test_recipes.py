"""recipes: complete, current, and never written over what would be lost."""

import inspect
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import albumentations
import cv2
import pytest
import timm
from ruamel.yaml import YAML

from pipeline.config import params, recipes
from pipeline.config.params import Params
from pipeline.foundation.errors import InputError
from pipeline.modeling.members import Member
from pipeline.modeling.network import NORMALIZATIONS

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
OURS = {"ours", "ours-cpu", "ours-face", "ours-foundation", "sample"}
TRIAL = re.compile(r"^#   ([\w. ]+): (.+)$", re.MULTILINE)
TRIALS = [
    (name, key, value) for name in NAMES for key, value in TRIAL.findall((ROOT / f"recipes/{name}.yaml").read_text())
]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the recipes and the shipped params.yaml, to work in."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copy(tmp_path / "recipes" / "sample.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return read


def tried(name: str, key: str, value: object, folder: Path) -> Params:
    """The parameters of a recipe with another value under a dotted key."""
    changed = settings(ROOT / f"recipes/{name}.yaml")
    *sections, last = key.split(".")
    section = changed
    for part in sections:
        section = section[part]
    section[last] = value
    YAML().dump(changed, folder / "params.yaml")
    return params.load(folder / "params.yaml")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def git(*arguments: str) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *author, *arguments], check=True, capture_output=True)


def test_the_sample_recipe_is_params_yaml_as_shipped() -> None:
    assert (ROOT / "recipes/sample.yaml").read_text() == (ROOT / "params.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_states_every_parameter_outside_its_models(name: str) -> None:
    shipped, recipe = settings(ROOT / "params.yaml"), settings(ROOT / f"recipes/{name}.yaml")
    assert params.load(ROOT / f"recipes/{name}.yaml").data.root == Path("data/sample")
    assert [*recipe] == [section for section in shipped if section in recipe]
    assert set(shipped) - set(recipe) <= set(recipes.HERE)
    for section in set(recipe) - {"models", "tta"}:
        assert list(recipe[section]) == list(shipped[section]), section
    assert list(recipe["tta"]) == list(recipe["models"])


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_opens_with_what_it_is(name: str, workspace: Path) -> None:
    assert (workspace / f"recipes/{name}.yaml").read_text().startswith(f"# {recipes.title(name)}\n")
    assert len(recipes.title(name)) > 40


@pytest.mark.parametrize(("name", "key", "value"), TRIALS)
def test_what_a_recipe_suggests_to_try_is_valid(name: str, key: str, value: str, tmp_path: Path) -> None:
    assert tried(name, key, YAML(typ="safe").load(value), tmp_path) != params.load(ROOT / f"recipes/{name}.yaml")


ROTATE = {"Rotate": {"limit": 20, "border_mode": cv2.BORDER_REFLECT_101, "p": 0.5}}
NOISE = {"GaussNoise": {"std_range": [0.0124, 0.0277], "p": 0.5}}
PERSPECTIVE = {"scale": [0.05, 0.1]}
BRIGHTNESS = {"RandomBrightnessContrast": {"brightness_limit": 0.2, "contrast_limit": 0}}
CONTRAST = {"RandomBrightnessContrast": {"brightness_limit": 0, "contrast_limit": 0.2}}
HUE = {"HueSaturationValue": {"hue_shift_limit": 20, "sat_shift_limit": 30, "val_shift_limit": 20}}
WARP = [{"Perspective": PERSPECTIVE}, {"Rotate": {"limit": 20, "border_mode": cv2.BORDER_REFLECT_101}}]
SHUFFLE = [{"RandomGridShuffle": {"grid": [2, 2]}}, {"Perspective": PERSPECTIVE}]


def one_of(transforms: Sequence[object]) -> dict[str, Any]:
    return {"OneOf": {"p": 0.5, "transforms": [*transforms]}}


REPORTED: dict[str, dict[str, Any]] = {  # what the teams published
    "r0-separate-resnet50": {
        **{f"models.{task}.backbone": "resnet50" for task in ("mask", "gender", "age")},
        **{f"models.{task}.heads.{task}.loss.name": "focal" for task in ("mask", "gender", "age")},
        **{f"models.{task}.epochs": 10 for task in ("mask", "gender", "age")},
        **{f"models.{task}.select": "macro_f1" for task in ("mask", "gender", "age")},
    },
    "r1-podium-b3": {
        "crop.method": "mtcnn",
        "crop.grow": {"x": 20, "y": 30, "unit": "pixels"},
        "crop.center": {"side": 300, "unit": "pixels"},
        "crop.subject": "largest",
        "split.by": "person",
        "refit.epochs": {"mask": 10, "gender": 10, "age": 4},
        **{f"models.{task}.backbone": "efficientnet_b3" for task in ("mask", "gender", "age")},
        **{f"models.{task}.batch_size": 64 for task in ("mask", "gender", "age")},
        **{f"models.{task}.image_size": 224 for task in ("mask", "gender", "age")},
        **{f"models.{task}.normalize": "imagenet" for task in ("mask", "gender", "age")},
        **{f"models.{task}.seed": 777 for task in ("mask", "gender", "age")},
        **{f"models.{task}.optimizer.name": "adam" for task in ("mask", "gender", "age")},
        "models.mask.optimizer.learning_rate": 3e-4,
        "models.gender.optimizer.learning_rate": 1e-4,
        "models.age.optimizer.learning_rate": 1e-4,
        "models.age.heads.age.loss": {"name": "focal", "gamma": 2, "class_weights": None},
        "models.age.heads.age.bands": [30, 59],
        "models.mask.heads.mask.loss.name": "cross_entropy",
        "models.gender.heads.gender.loss.name": "cross_entropy",
        "models.mask.augmentation": [one_of(WARP), one_of([BRIGHTNESS, HUE, CONTRAST])],
        "models.gender.augmentation": [ROTATE, {"Perspective": PERSPECTIVE | {"p": 0.5}}, NOISE],
        "models.age.augmentation": [ROTATE, one_of(SHUFFLE), NOISE],
        **{f"models.{task}.epochs": epochs for task, epochs in (("mask", 10), ("gender", 10), ("age", 4))},
        **{f"models.{task}.select": "macro_f1" for task in ("mask", "gender", "age")},
        "tta.age.clean": 1,
        "tta.age.augmented": 7,
        "tta.age.average": "logits",
    },
    **{
        f"r2-{name}": {
            "models.joint.heads.mask x gender x age.kind": "classes",
            "models.joint.backbone": backbone,
            "models.joint.normalize": "half" if name == "coatnet" else "imagenet",
            "models.joint.epochs": 30,
            "models.joint.batch_size": 32,
            "split.validation": 0.3,
            "models.joint.optimizer.learning_rate": 1.3e-4,
            "models.joint.schedule.name": "constant",
        }
        for name, backbone in (
            ("efficientnet", "efficientnet_b0"),
            ("convnext", "convnext_tiny"),
            ("coatnet", "coatnet_0_rw_224"),
            ("swin", "swin_tiny_patch4_window7_224"),
        )
    },
    "r2b-three-heads": {
        "models.three.heads.mask.kind": "classes",
        "models.three.heads.gender.kind": "classes",
        "models.three.heads.age.kind": "regression",
    },
    "r2c-independent": {
        "models.mask.backbone": "efficientnet_b0",
        "models.gender.backbone": "swin_tiny_patch4_window7_224",
        "models.years.backbone": "convnext_tiny",
        "models.years.heads.age.kind": "regression",
    },
    "r2c-convnext-gender": {
        "models.mask.backbone": "efficientnet_b0",
        "models.gender.backbone": "convnext_tiny",
        "models.years.backbone": "convnext_tiny",
        "models.years.heads.age.kind": "regression",
    },
    "r3-b7-imbalanced": {
        "models.joint.backbone": "tf_efficientnet_b7",
        "models.joint.sampling.name": "balanced",
        "models.joint.heads.mask x gender x age.loss.name": "focal",
        "models.joint.optimizer.learning_rate": 1e-4,
        "models.joint.epochs": 50,
        "models.joint.patience": 5,
    },
    "r3b-kfold-cutmix": {
        "train.folds": [0, 1, 2, 3, 4],
        "crop.method": "center",
        "models.joint.epochs": 10,
        "models.joint.cutmix.half": False,
        "models.joint.sampling.name": "weighted",
        "models.joint.heads.mask x gender x age.loss.name": "cross_entropy",
    },
    "r3c-gender-years": {
        "models.mask.heads.mask.kind": "classes",
        "models.gender_years.heads.gender.kind": "classes",
        "models.gender_years.heads.age.kind": "regression",
        "models.gender_years.heads.age.by": "gender",
    },
    "r3c-mask-gender-age": {
        "models.mask.heads.mask.kind": "classes",
        "models.gender_age.heads.gender x age.kind": "classes",
    },
    "r4-resnet18-focal": {
        "models.joint.backbone": "resnet18",
        "models.joint.heads.mask x gender x age.loss.name": "focal",
        "models.joint.heads.mask x gender x age.bands": [30, 55],
        "models.joint.optimizer": {"name": "adam", "learning_rate": 8e-5, "weight_decay": 0, "momentum": 0.9}
        | {"until": None, "then": None, "layer_decay": None, "head_factor": 1, "args": {}},
        "models.joint.epochs": 10,
        "models.joint.augmentation": [{"HorizontalFlip": {"p": 0.5}}],
        "crop.method": "center",
        "split.by": "person",
        "split.folds": 5,
        "train.folds": [0],
    },
    "c-champion": {
        "models.joint.backbone": "efficientnet_b4",
        "models.joint.image_size": 380,
        "models.joint.optimizer.name": "adam",
        "models.joint.optimizer.learning_rate": 1e-4,
        "models.joint.batch_size": 32,
        "models.joint.schedule.name": "step",
        "models.joint.heads.mask x gender x age.loss.name": "soft_f1",
        "models.joint.heads.mask x gender x age.bands": [30, 59],
        "models.joint.drop_ages": [[27, 29], [57, 59]],
        "models.joint.sampling.name": "balanced",
        "models.joint.augmentation": [{"Erasing": {"scale": [0.02, 0.33], "ratio": [0.3, 3.3], "fill": 0, "p": 0.5}}],
        "models.joint.cutmix": {"probability": 0.3, "half": True, "alpha": 1, "partners": {}},
        "models.joint.last_epochs_on_validation": 3,
        "crop.method": "mtcnn",
        "crop.grow": {"x": 0.326, "y": 0.326, "unit": "fraction"},
        "crop.size": 380,
        "split.by": "person",
        "ensemble.vote": "hard",
        "ensemble.top_folds": 3,
    },
}


@pytest.mark.parametrize("name", REPORTED)
def test_a_recipe_has_the_settings_that_its_team_reported(name: str) -> None:
    loaded = params.load(ROOT / f"recipes/{name}.yaml").model_dump(mode="json")
    for key, value in REPORTED[name].items():
        found: Any = loaded
        for part in key.split("."):
            found = found[part]
        assert found == value, key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.folds", [3]),
        ("train.models", ["age", "mask", "gender"]),
        ("models.age.image_size", 300),
        ("models.age.seed", 1),
        ("models.gender.select", "binary_f1"),
        ("models.gender.augmentation", []),
        ("models.age.epochs", 20),
        ("models.age.batch_size", 16),
        ("models.age.optimizer.name", "sgd"),
        ("models.age.heads.age.loss", "cross_entropy"),
        ("models.age.backbone", "efficientnet_b5"),
        ("models.age.heads.age.bands", [30, 58]),
        ("tta.age", {}),
        ("tta.mask", {"augmented": 7, "average": "logits"}),
    ],
)
def test_what_the_podium_team_could_choose_is_a_parameter(key: str, value: object, tmp_path: Path) -> None:
    assert tried("r1-podium-b3", key, value, tmp_path) != params.load(ROOT / "recipes/r1-podium-b3.yaml")


def test_every_published_recipe_is_compared_with_its_report() -> None:
    assert set(NAMES) - set(REPORTED) == OURS


FORMER: dict[
    str, dict[str, Any]
] = {  # by their names of today: defaults of the __init__ of every class in the sources of albumentations 1.0.3
    "CenterCrop": {"p": 1},
    "GaussNoise": {"std_range": (0.0124, 0.0277), "mean_range": (0, 0), "per_channel": True, "p": 0.5},
    "HorizontalFlip": {"p": 0.5},
    "HueSaturationValue": {
        "hue_shift_limit": (-20, 20),
        "sat_shift_limit": (-30, 30),
        "val_shift_limit": (-20, 20),
        "p": 0.5,
    },
    "OneOf": {"p": 0.5},
    "Perspective": {
        "scale": (0.05, 0.1),
        "keep_size": True,
        "fit_output": False,
        "interpolation": cv2.INTER_LINEAR,
        "border_mode": cv2.BORDER_CONSTANT,
        "fill": 0,
        "p": 0.5,
    },
    "RandomBrightnessContrast": {
        "brightness_limit": (-0.2, 0.2),
        "contrast_limit": (-0.2, 0.2),
        "brightness_by_max": True,
        "p": 0.5,
    },
    "RandomGridShuffle": {"grid": (3, 3), "p": 0.5},
    "Rotate": {"limit": (-90, 90), "interpolation": cv2.INTER_LINEAR, "border_mode": cv2.BORDER_REFLECT_101, "p": 0.5},
    # not in 1.0.3; those of torchvision.transforms.RandomErasing
    "Erasing": {"scale": (0.02, 0.33), "ratio": (0.3, 3.3), "fill": 0, "p": 0.5},
}
SINCE: dict[str, dict[str, Any]] = {  # parameters that were not there, with the value that changes nothing
    "GaussNoise": {"noise_scale_factor": 1},
    "RandomBrightnessContrast": {"ensure_safe_range": False},
    "Rotate": {"rotate_method": "largest_box", "crop_border": False, "fill": 0},
}
OF_MASKS = {"fill_mask", "mask_interpolation"}  # there are none


def transforms(steps: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every transform of an augmentation, nested ones too, with the arguments that it states."""
    for step in steps:
        for name, arguments in step.items():
            yield name, dict(arguments or {})
            yield from transforms((arguments or {}).get("transforms", []))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
def test_a_published_augmentation_leaves_nothing_to_a_default_that_has_changed(name: str) -> None:
    for config in params.load(ROOT / f"recipes/{name}.yaml").models.values():
        for transform, stated in transforms([*config.preprocess, *config.augmentation]):
            today = inspect.signature(getattr(albumentations, transform).__init__).parameters
            former = FORMER[transform] | SINCE.get(transform, {})
            left = set(today) - {"self", "transforms"} - set(stated) - OF_MASKS
            assert {key: today[key].default for key in left} == {key: former[key] for key in left}, transform


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
def test_a_published_recipe_normalises_as_the_weights_of_its_backbones_want_it(name: str) -> None:
    for config in params.load(ROOT / f"recipes/{name}.yaml").models.values():
        weights = timm.get_pretrained_cfg(config.backbone)
        assert weights
        assert isinstance(config.normalize, str)
        normalization = NORMALIZATIONS[config.normalize]
        assert (normalization.mean, normalization.std) == (weights.mean, weights.std), config.backbone


def test_recipes_are_compared_by_meaning(workspace: Path) -> None:
    edit(
        workspace / "params.yaml",
        "  by: person # or photo, for comparison only: the same people are then on both sides\n",
        "",
    )
    assert recipes.changes(params.load(), params.load(recipes.find("sample"))) == []


def test_a_change_names_its_key_and_both_values(workspace: Path) -> None:
    edit(workspace / "params.yaml", "loss: focal", "loss: soft_f1")
    assert recipes.changes(params.load(recipes.find("sample")), params.load()) == [
        'models.age.heads.age.loss.name: "focal" -> "soft_f1"',
        "- models.age.heads.age.loss.gamma: 2.0",
        "- models.age.heads.age.loss.class_weights: null",
    ]


def test_changes_there_and_back_are_the_same_keys(workspace: Path) -> None:
    def keys(before: Params, after: Params) -> set[str]:
        return {line.lstrip("+- ").partition(":")[0] for line in recipes.changes(before, after)}

    one, other = (params.load(recipes.find(name)) for name in ("r1-podium-b3", "c-champion"))
    assert keys(one, other) == keys(other, one) != set()


def test_using_a_recipe_keeps_its_comments_and_what_is_of_this_place(workspace: Path) -> None:
    edit(workspace / "params.yaml", "root: data/sample", "root: ../photos # mine")
    edit(workspace / "params.yaml", "disk: 20Gi", "disk: 40Gi")
    before, after = recipes.use("c-champion")
    assert before.data == after.data
    text, recipe = ((workspace / name).read_text() for name in ("params.yaml", "recipes/c-champion.yaml"))
    assert text.startswith(recipe.partition("data:")[0] + "data:\n  root: ../photos # mine")
    assert recipe.partition("\nsample:")[2] in text
    assert settings(workspace / "params.yaml")["kubeflow"]["disk"] == "40Gi"


def test_from_recipe_to_recipe_nothing_is_lost_with_git_or_without(workspace: Path) -> None:
    recipes.use("ours")
    git("init", "--quiet")
    recipes.use("r1-podium-b3")
    recipes.use("sample")
    assert (workspace / "params.yaml").read_text() == (workspace / "recipes/sample.yaml").read_text()


@pytest.mark.parametrize("committed_before", [True, False])
def test_edits_that_are_not_committed_are_overwritten_only_by_force(workspace: Path, committed_before: bool) -> None:
    if committed_before:
        git("init", "--quiet")
        git("add", "params.yaml")
        git("commit", "--quiet", "--message", "shipped")
    edit(workspace / "params.yaml", "people: 90", "people: 91")
    edited = (workspace / "params.yaml").read_text()
    with pytest.raises(InputError, match=r"params\.yaml: has edits that are neither committed .* use --force"):
        recipes.use("ours")
    assert (workspace / "params.yaml").read_text() == edited
    recipes.use("ours", force=True)
    assert recipes.changes(params.load(), params.load(recipes.find("ours"))) == []


def test_a_recipe_that_is_not_valid_is_never_written_over_the_parameters(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_bytes()
    edit(workspace / "recipes" / "c-champion.yaml", "vote: ", "vot: ")
    with pytest.raises(InputError, match=r"recipes/c-champion\.yaml: wrong parameters"):
        recipes.use("c-champion")
    assert (workspace / "params.yaml").read_bytes() == before


def test_an_unknown_recipe_is_answered_with_the_nearest_name(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'champion'; did you mean 'c-champion'\? There are c-champion, "):
        recipes.find("champion")


def test_only_a_near_name_is_offered_for_an_unknown_recipe(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'xgboost'; there are c-champion, "):
        recipes.find("xgboost")


def test_the_beginning_of_a_recipes_name_is_understood(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'r1'; did you mean 'r1-podium-b3'\?"):
        recipes.find("r1")


def test_outside_the_project_there_are_no_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="recipes: no recipes here; run from the project's root"):
        recipes.names()


def test_trainings_of_other_configurations_are_outdated(workspace: Path) -> None:
    models = workspace / "models"
    for member in (Member(models, "mask", 0), Member(models, "age", 1), Member(models, "joint")):
        member.folder.mkdir(parents=True)
        member.weights.touch()
    before = params.load()
    assert recipes.outdated(models, before, before) == ["joint"]
    edit(workspace / "params.yaml", "loss: focal", "loss: soft_f1")
    assert recipes.outdated(models, before, params.load()) == ["age", "joint"]
    edit(workspace / "params.yaml", "size: 72", "size: 64")
    assert recipes.outdated(models, before, params.load()) == ["age", "joint", "mask"]
