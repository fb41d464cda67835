"""All faults of all models are reported before the first stage, and what has passed is not run again."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import dry_run
from pipeline.config.params import Params
from pipeline.foundation.errors import InputError
from pipeline.modeling import sanity_check
from pipeline.modeling.config import ModelConfig
from tests.support.workspace import PARAMS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(**changes: Any) -> Params:
    models = {name: config | changes for name, config in PARAMS["models"].items()}
    return Params.model_validate(PARAMS | {"models": models})


def test_every_model_has_its_line(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        dry_run.check(settings(augmentation=[{"ToFloat": {}}, {"ToTensorV2": {}}]))
    heads = [line.split(": ")[0] for line in str(error.value).splitlines()]
    keys = [f"  models.{name}.augmentation.{number}" for name in ("face", "years") for number in (0, 1)]
    assert heads == ["params.yaml", *keys]


def test_a_student_has_its_line(folder: Path) -> None:
    (name,) = PARAMS["pseudo_label"]["models"]
    given = PARAMS["pseudo_label"] | {"student": {"backbone": "resnet10"}}
    with pytest.raises(InputError, match=rf"pseudo_label\.student \({name}\)\.backbone 'resnet10' is unknown"):
        dry_run.check(Params.model_validate(PARAMS | {"pseudo_label": given}))


def test_what_has_passed_is_checked_again_only_when_it_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []

    def passes(config: ModelConfig, _: tuple[int, int]) -> list[str]:
        checked.append(config.input_shape[0])
        return []

    monkeypatch.setattr(sanity_check, "faults", passes)
    for image_size in (48, 48, 40, 48):
        dry_run.check(settings(image_size=image_size))
    assert checked == [48, 48, 40, 40]
    (folder / dry_run.PASSED).write_bytes(b"\xff")
    dry_run.check(settings())
    assert checked == [48, 48, 40, 40, 48, 48]


def test_without_dvc_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sanity_check, "faults", lambda *_: [])
    dry_run.check(settings())
    assert list(tmp_path.iterdir()) == []


def test_a_pinned_model_is_not_built(folder: Path) -> None:
    pinned = {"version": "models:/mask/1", "folds": {0: "a", 1: "b"}}
    changes = {"pinned": pinned, "augmentation": [{"ToFloat": {}}]}
    models = {name: config | changes for name, config in PARAMS["models"].items()}
    alone = PARAMS | {"refit": {"models": []}, "pseudo_label": {"models": []}}
    dry_run.check(Params.model_validate(alone | {"models": models}))


@pytest.mark.parametrize(
    "command",
    [
        "sample --data sample",
        "relabel --data sample --fixes fixes --labels labels.parquet",
        "crop --shard 0 --data sample --labels labels.parquet --crops crops",
        "train --model face --fold 0 --crops crops --labels l.csv --folds f.csv --models m --checkpoints .",
        "run",
    ],
)
def test_the_first_stage_refuses_models_that_cannot_be_trained(folder: Path, command: str) -> None:
    models = {name: config | {"augmentation": [{"ToFloat": {}}]} for name, config in PARAMS["models"].items()}
    YAML().dump(PARAMS | {"models": models}, folder / "params.yaml")
    with pytest.raises(InputError, match=r"models\.face\.augmentation\.0: ToFloat gives float32"):
        CliRunner().invoke(app.app, command.split(), catch_exceptions=False)
    assert sorted(path.name for path in folder.iterdir()) == [".dvc", "params.yaml"]


def test_the_image_without_torch_checks_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "find_spec", lambda _: None)
    monkeypatch.setattr(dry_run, "version", None)  # torch's version is not to be had there
    dry_run.check(settings(augmentation=[{"ToFloat": {}}]))
    assert not (folder / dry_run.PASSED).exists()
