"""config: a wrong setting of a model is one clear line that names the key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config.params import FILE, load
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import Head, ModelConfig
from pipeline.modeling.config.losses import Coral, CrossEntropy, Dldl, Focal, Mix, SmoothL1, SoftF1
from pipeline.modeling.config.model import ProgressiveResizing
from pipeline.modeling.config.sampling import Balanced, Weighted

SHIPPED = Path(__file__).parents[3] / FILE
Make = Callable[..., ModelConfig]
GENDER: dict[str, dict[str, str]] = {"gender": {}}


def fault(tmp_path: Path, settings: dict[str, Any]) -> str:
    """What is wrong when the model `gender` of the shipped params has these settings."""
    params = YAML(typ="safe").load(SHIPPED)
    params["models"]["gender"] |= settings
    YAML().dump(params, tmp_path / "params.yaml")
    with pytest.raises(InputError) as error:
        load(tmp_path / "params.yaml")
    _, line = str(error.value).splitlines()
    return line.strip().removeprefix("models.gender")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": {"gender": {"kind": "ordinal"}}}, ".heads: head 'gender' cannot be of kind ordinal: only age can"),
        ({"heads": {"gender": {"loss": "coral"}}}, ".heads.gender: loss coral does not fit a head of kind classes"),
        (
            {"heads": {"gender": {"loss": {"name": "cross_entropy", "class_weights": "balance"}}}},
            ".heads.gender.loss.cross_entropy.class_weights: must be balanced, or a list of positive numbers, one a cl",
        ),
        (
            {"heads": {"gender": {"loss": {"name": "focal", "class_weights": [1, 2, 3]}}}},
            ".heads: head 'gender' has 2 classes, and class_weights of focal 3",
        ),
        (
            {"heads": {"gender": {"loss": {"name": "mix", "of": ["focal", "mse"]}}}},
            ".heads.gender.loss.mix.of.1: 'mse' is none of 'cross_entropy', 'focal', 'soft_f1', 'arcface'",
        ),
        (
            {"heads": {"gender": {"loss": {"name": "mix", "of": ["arcface", {"name": "arcface", "scale": 9}]}}}},
            ".heads.gender: the arcface losses of a mix have scales 30, 9; a head's cosines have one",
        ),
        (
            {"heads": {"age": {"kind": "regression", "bands": [30, 58]}}},
            ".heads.age: bands [30, 58] have no effect on a head of years; move the boundaries of its predictions with",
        ),
        (
            {"heads": {"age": {"kind": "distribution", "bands": [30, 58]}}},
            ".heads.age: bands [30, 58] have no effect on a head of years; move the boundaries of its predictions with",
        ),
        (
            {"heads": {"gender": {"by": "age"}, "age": {}}},
            ".heads: by age of head 'gender' needs kind regression",
        ),
        (
            {"heads": {"gender": {}, "age": {"kind": "regression", "by": "sex"}}},
            ".heads: by sex of head 'age' is no head of classes of this model; there are gender",
        ),
        (
            {"heads": {"age": {"kind": "regression", "by": "gender"}}},
            ".heads: by gender of head 'age' is no head of classes of this model; there are none",
        ),
        (
            {"optimizer": {"name": "adm", "learning_rate": 1}},
            ".optimizer.name: 'adm' is no optimizer of timm; did you mean",
        ),
        (
            {"drop_path": 0.1, "backbone_args": {"drop_path_rate": 0.2}},
            ": drop_path and backbone_args.drop_path_rate are the same; leave out one of the two",
        ),
        (
            {"heads": {"mask": {"loss": {"name": "mix", "of": ["focal", "soft_f1", "arcface"]}}}},
            ".heads.mask.loss.mix: 3 losses have 2 weights; a mix is of two or more, a weight each",
        ),
        (
            {"heads": {"mask": {"loss": {"name": "mix", "of": ["focal"], "weights": [1]}}}},
            ".heads.mask.loss.mix: 1 losses have 1 weights; a mix is of two",
        ),
        (
            {"heads": {"mask": {"loss": "soft_f1", "trim": {"share": 0.1}}}},
            ".heads.mask: trim has no effect on soft_f1",
        ),
        ({"cutmix": {"partners": {"age": "old"}}}, ".cutmix.partners: age 'old' is none of <30, 30-59, >=60"),
        ({"cutmix": {"partners": {"hat": "yes"}}}, ".cutmix.partners: 'hat' is none of mask, gender, age"),
        ({"average_epochs": 9, "epochs": 3}, ": average_epochs 9 is more than epochs 3"),
        ({"average_epochs": 2, "select": "loss"}, ": average_epochs needs select: last and no patience"),
        (
            {"average_epochs": 2, "ema": 0.9},
            ": average_epochs and ema both average the weights; leave out one",
        ),
        ({"progressive_resizing": {}, "select": "loss"}, ": progressive_resizing needs select: last and no patience"),
        ({"weights": "a.safetensors"}, ": weights 'a.safetensors' would not be read: set pretrained: true"),
        (
            {"normalize": "imagnet"},
            ".normalize: must be auto, imagenet, competition, half, or {mean: [r, g, b], std: [",
        ),
        ({"normalize": {"mean": [1, 1, 1]}}, ".normalize: must be auto, imagenet, competition, half, or {mean:"),
        ({"drop_ages": [[29, 27]]}, ".drop_ages: [29, 27] is no range of ages: [youngest, oldest], both dropped"),
        ({"sampling": "weigthed"}, ".sampling: 'weigthed' is none of 'shuffle', 'balanced', 'weighted'"),
        ({"sampling": {"name": "weighted", "strength": 2}}, ".sampling.weighted.strength: must be less than or equal"),
        ({"oversample": {"exclude": [18]}}, ".oversample.exclude.0: must be less than 18 (given: 18)"),
        ({"schedule": {"name": "cosine", "step": 3}}, ".schedule.cosine.step: unknown key"),
        ({"schedule": "linear"}, ".schedule: 'linear' is none of 'constant', 'step', 'cosine', 'one_cycle', 'plateau'"),
        ({"optimizer": {"learning_rate": 1, "until": 3}}, ".optimizer: until and then go together"),
        (
            {
                "optimizer": {
                    "learning_rate": 1,
                    "until": 3,
                    "then": {"learning_rate": 1, "until": 3, "then": {"learning_rate": 1}},
                }
            },
            ".optimizer: until 3 of the next optimizer is not after 3",
        ),
        (
            {"optimizer": {"learning_rate": 1, "until": 10, "then": {"learning_rate": 1}}},
            ": optimizer changes after epochs [10], and there are 10 in all",
        ),
        ({"threads": 0}, ".threads: must be greater than 0 (given: 0)"),
        ({"patience": 3}, ": patience 3 needs a score: set select to macro_f1, accuracy or loss"),
        ({"ema": 1}, ".ema: must be less than 1 (given: 1)"),
        ({"precision": "16"}, ".precision: must be '32-true', 'bf16-mixed' or '16-mixed' (given: '16')"),
        ({"cutmix": {"probability": 30}}, ".cutmix.probability: must be less than or equal to 1 (given: 30)"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_its_key(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    assert fault(tmp_path, settings).startswith(message)


def test_binary_f1_selects_only_where_there_are_two_classes(config: Make, tmp_path: Path) -> None:
    assert config(heads=GENDER, select="binary_f1").select == "binary_f1"
    assert "select binary_f1 is the F1 of the second of two classes, and mask is not gender" in fault(
        tmp_path, {"heads": {"mask": {}}, "select": "binary_f1"}
    )


def test_a_head_without_a_loss_has_the_usual_one_of_its_kind() -> None:
    assert Head() == Head(kind="classes", loss=CrossEntropy())
    assert Head(kind="ordinal") == Head(kind="ordinal", loss=Coral())
    assert Head(kind="distribution") == Head(kind="distribution", loss=Dldl())
    assert Head(kind="regression") == Head(kind="regression", loss=SmoothL1())


def test_names_stand_for_settings_wherever_there_is_a_choice(config: Make) -> None:
    mixed = config(heads={"mask": {"loss": {"name": "mix", "of": ["focal", "soft_f1"]}}}, sampling="balanced")
    assert mixed.heads["mask"].loss == Mix(of=(Focal(), SoftF1()))
    assert mixed.sampling == Balanced()
    assert config(sampling="weighted").sampling == Weighted(strength=0.5)


def test_a_configuration_survives_json_as_weights_files_contain_it(config: Make) -> None:
    settings = config(
        heads={"age": {"loss": {"name": "mix", "of": [{"name": "focal", "class_weights": [1, 1, 2]}, "arcface"]}}},
        normalize={"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
        oversample={"exclude": [0, 1, 3, 4]},
        cutmix={},
        schedule="one_cycle",
    )
    assert ModelConfig.model_validate_json(settings.model_dump_json()) == settings


def test_the_schedule_counts_the_last_epochs_in(config: Make) -> None:
    assert config(epochs=10, last_epochs_on_validation=3).total_epochs == 13


@pytest.mark.parametrize("start", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("share", [0.1, 0.75, 1])
@pytest.mark.parametrize("epochs", [1, 2, 3, 10])
def test_growing_images_never_shrink_and_end_at_the_full_size(start: float, share: float, epochs: int) -> None:
    growing = ProgressiveResizing(start=start, epochs=share)
    shapes = [growing.shape((128, 96), epoch, epochs) for epoch in range(epochs + 2)]
    assert shapes == sorted(shapes)
    assert set(shapes[epochs - 1 :]) == {(128, 96)}
    assert all(height % 16 == width % 16 == 0 for height, width in shapes)
    if epochs > 1:
        assert all(side - 16 < start * full <= side for side, full in zip(shapes[0], (128, 96), strict=True))
