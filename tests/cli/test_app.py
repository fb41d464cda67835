"""app: commands read exactly the parameters that dvc.yaml names, and errors are one message."""

import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from inspect import ismethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline import tracking
from pipeline.cli import app
from pipeline.config import dry_run, params
from pipeline.evaluation.report import key_figures, written
from pipeline.formats.section import Section
from pipeline.tracking import stage_runs

ROOT = Path(__file__).parents[2]
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


class Recorder:
    """A section of parameters that records the dotted name of everything that is read from it."""

    def __init__(self, value: Any, name: str, reads: set[str]) -> None:
        self._value, self._name, self._reads = value, name, reads

    def __getattr__(self, key: str) -> Any:
        if key == "model_dump":  # all of it, for tracking
            return self._value.model_dump
        value = getattr(self._value, key)
        return partial(self._call, value.__func__) if ismethod(value) else self._child(key, value)

    def __getitem__(self, key: str) -> Any:
        return self._child(key, self._value[key])

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def __ror__(self, other: Any) -> Any:
        self.taken()
        return other | self._value

    def taken(self) -> None:
        self._reads.add(self._name)

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method of the section: what it reads is recorded, and what it is given."""
        for argument in arguments:
            if isinstance(argument, Recorder):
                argument.taken()
        return method(self, *arguments)

    def _child(self, key: str, value: Any) -> Any:
        name = f"{self._name}.{key}".lstrip(".")
        if isinstance(value, Section | Mapping):
            return Recorder(value, name, self._reads)
        self._reads.add(name)
        return value


def words(stage: str) -> list[str]:
    """The arguments of a stage's command, for the model `age`, fold 1 and shard 0."""
    values = {"model": "age", "fold": "1", "shard": "0"}
    item = " ".join(f"--{key} {values[key]}" for key in STAGES[stage].get("matrix", {}))
    command: str = STAGES[stage]["cmd"].replace("${item}", item)
    return command.replace("${data}", "--root data/sample").replace("${submission}", "--name submission").split()[3:]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_parameters_that_it_reads(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: set[str] = set()

    def take(*arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, Recorder):
                argument.taken()
        return SimpleNamespace(metrics={}, members={}, items=tuple)

    whole = SimpleNamespace(inputs=lambda *_: None)
    run = SimpleNamespace(inputs=lambda *_: None, file=lambda *_: None, pipeline=whole)
    command = words(stage)[0]
    monkeypatch.setattr(importlib.import_module(f"pipeline.stages.{command}"), command, take)
    for name in ("run", "run_with_output"):
        monkeypatch.setattr(tracking, name, lambda *_: nullcontext(run))
    monkeypatch.setattr(stage_runs, "training", lambda *_: nullcontext())
    for name in ("ensemble", "submission"):
        monkeypatch.setattr(stage_runs, name, lambda *_: None)
    monkeypatch.setattr(key_figures, "conclusion", lambda _: [])
    monkeypatch.setattr(written, "note", lambda *_: None)
    loaded = params.load(ROOT / "params.yaml")
    monkeypatch.setattr(dry_run, "check", lambda _: None)  # of other stages' parameters: no result depends on it
    monkeypatch.setattr(params, "load", lambda: Recorder(loaded, "", reads))
    result = CliRunner().invoke(app.app, words(stage), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    no_results = {"experiment", "data.root"}  # where a run is logged; where the data lie, which the command says
    no_results -= {"data.root"} if stage == "report" else set()  # its title has the name of the data set
    reads = {name.removesuffix(".get") for name in reads - no_results}
    sections = {name for name in reads if not any(name.startswith(f"{other}.") for other in reads)}
    assert sections == {name.replace("${item.model}", "age") for name in STAGES[stage].get("params", [])}


def test_arguments_that_may_be_left_out_are_shown_in_brackets_once() -> None:
    for command, argument in (("compare", "[RECIPE]..."), ("compose", "[MODEL]...")):
        shown = CliRunner().invoke(app.app, [command, "--help"]).output
        assert f"{command} [OPTIONS] {argument}" in shown


def test_an_input_error_is_one_message_and_exit_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pipeline", "sample", "--data", "out"])
    with pytest.raises(SystemExit) as stopped:
        app.main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "error: params.yaml: no such file; run from the project's root\n"


def test_a_file_that_cannot_be_written_is_one_message_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "file").touch()
    monkeypatch.setattr("sys.argv", ["pipeline", "sample", "--data", str(tmp_path / "file" / "sample")])
    with pytest.raises(SystemExit) as stopped:
        app.main()
    assert stopped.value.code == 1
    assert re.fullmatch(rf"error: {tmp_path}/file/sample/.*: Not a directory\n", capsys.readouterr().err)


def test_an_unknown_model_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = ["noses" if word == "age" else word for word in words("train")]
    result = CliRunner().invoke(app.app, arguments)
    assert "no model 'noses' under models; there are mask, gender, age" in str(result.exception)


def test_a_backbone_that_timm_does_not_know_is_reported_with_its_key(
    trainable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "params.yaml").read_text().replace("backbone: test_resnet", "backbone: test_resnett")
    (trainable / "params.yaml").write_text(text)
    monkeypatch.chdir(trainable)
    monkeypatch.setattr(stage_runs, "training", lambda *_: nullcontext())
    inputs = ["--crops", "crops", "--labels", "labels.parquet", "--folds", "folds.parquet", "--checkpoints", "."]
    result = CliRunner().invoke(app.app, ["train", "--model", "age", "--fold", "0", *inputs, "--models", "models"])
    assert str(result.exception).startswith("params.yaml: models that cannot be trained (3):\n  models.mask.backbone ")
    assert "models.age.backbone 'test_resnett' is unknown to timm" in str(result.exception)
    assert "did you mean 'test_resnet" in str(result.exception)
