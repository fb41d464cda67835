"""readiness: what would stop a run or make it slow is found before any stage."""

import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import params
from pipeline.foundation.errors import InputError
from pipeline.modeling import hub
from pipeline.orchestration import machine, readiness
from tests.support.dataset import DataSet
from tests.support.workspace import PARAMS


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Parameters that are ready on a machine with a GPU; the data set is that of `DataSet`."""
    DataSet(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "gpus", lambda: ["0"])
    monkeypatch.setattr(machine, "free_memory", lambda: 64 * readiness.GIB)
    return PARAMS | {"data": {"root": "photos"}}


def texts(given: dict[str, Any], stops: bool) -> list[str]:
    found = readiness.findings(params.check(given, "params.yaml"))
    return [finding.text for finding in found if finding.stops == stops]


def with_model(given: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return given | {"models": given["models"] | {"face": given["models"]["face"] | settings}}


def test_nothing_is_found_where_all_is_there(given: dict[str, Any]) -> None:
    assert texts(given, True) == texts(given, False) == []


def test_every_missing_part_of_the_data_set_is_named(given: dict[str, Any], tmp_path: Path) -> None:
    assert texts(given | {"data": {"root": "nowhere"}}, True)[0].startswith("data.root: nowhere is no folder")
    (tmp_path / "photos/train/train.csv").unlink()
    (tmp_path / "photos/eval/info.csv").unlink()
    found = texts(given, True)
    assert ["train.csv is missing" in found[0], "info.csv is missing" in found[1]] == [True, True]


def test_the_sample_is_drawn_by_the_run(given: dict[str, Any]) -> None:
    sample = given | {"data": {"root": "data/sample"}}
    assert texts(sample, True) == []
    assert readiness.count(params.check(sample, "params.yaml")) == (24 * 7, 4 * 7)
    Path("data/sample/train/images").mkdir(parents=True)  # what a kill leaves
    assert texts(sample, True) == []
    assert readiness.count(params.check(sample, "params.yaml")) == (24 * 7, 4 * 7)


def test_a_weights_file_that_is_not_there_is_named(given: dict[str, Any], tmp_path: Path) -> None:
    lacking = with_model(given, pretrained=True, weights="lite0.safetensors")
    assert texts(lacking, True)[0].startswith("models.face.weights: lite0.safetensors is no file")
    (tmp_path / "lite0.safetensors").touch()
    assert texts(lacking, True) == []


def test_a_hub_that_cannot_be_reached_is_named_unless_the_weights_are_here(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    published = with_model(given, backbone="resnet18", pretrained=True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)
    assert texts(published, True)[0].startswith("models.face: published weights are not here, and 127.0.0.1 cannot be")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *words: "/".join(words))
    assert texts(published, True) == []
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)
    with socket.create_server(("127.0.0.1", port)):
        assert texts(published, True) == []


def test_a_disk_that_is_too_small_is_named(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    photos = sum(readiness.count(params.check(given, "params.yaml")))
    needed = photos * 48 * 48 * 3
    monkeypatch.setattr(machine, "free_disk", lambda _: needed)
    assert texts(given, True) == []
    monkeypatch.setattr(machine, "free_disk", lambda _: needed - 1)
    assert texts(given, True)[0].startswith("disk: crops of")


def test_what_is_slow_is_no_fault(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lite0.safetensors").touch()
    slow = with_model(given, pretrained=True, weights="lite0.safetensors", precision="bf16-mixed")
    assert texts(slow, False) == []
    monkeypatch.setattr(machine, "gpus", list)
    monkeypatch.setattr(machine, "free_memory", lambda: readiness.GIB)
    assert texts(slow, True) == []
    memory, precision, gpu = texts(slow, False)
    assert "1.0 GiB are free" in memory
    assert precision.startswith("models.face.precision: slow without a GPU")
    assert gpu.startswith("no GPU found")


def test_the_command_lists_all_faults_at_once(given: dict[str, Any], tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    lacking = with_model(given, pretrained=True, weights="a.safetensors") | {"data": {"root": "nowhere"}}
    YAML().dump(lacking, tmp_path / "params.yaml")
    for command in ("check", "run"):
        result = CliRunner().invoke(app, [command])
        assert isinstance(result.exception, InputError)
        assert "this cannot run here (2)" in str(result.exception)
        assert "nowhere is no folder" in str(result.exception)
        assert "a.safetensors is no file" in str(result.exception)
