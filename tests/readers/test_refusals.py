"""Inputs that once ended in another library's exception: each is refused with its place and what to do."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from safetensors.torch import load_file, save

from pipeline.config import params
from pipeline.evaluation.report import key_figures
from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.label_quality.review.app import create
from pipeline.modeling import augmentation, weights
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.network import Network
from pipeline.orchestration import locks
from pipeline.registry.evidence import OutOfFoldEvidence
from pipeline.registry.serving import request_parsing
from pipeline.schema import label_table, predictions
from tests.readers.inputs import CONFIG, review

LABELS = "path,person,mask,gender,age,corrected\n"
EVIDENCE = "path,person,fold,mask,gender,age,predicted_mask,predicted_age\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"seed: {'9' * 5000}\n", r"params\.yaml: not YAML that can be read: ValueError"),
        ("seed: " + "[" * 2000, r"params\.yaml: not YAML that can be read: brackets are nested more than 100 deep"),
        ("seed: 2026-13-45\n", r"params\.yaml: not YAML that can be read: ValueError: month"),
        ("seed: [1\n", r"params\.yaml, line 2: not YAML: "),
        ("", r"params\.yaml: wrong parameters"),
        ("seed: &a [0, {b: *a}]\n", r"params\.yaml: not YAML that can be read: a value contains itself"),
    ],
    ids=["digits", "brackets", "date", "unclosed", "empty", "circle"],
)
def test_params_that_are_no_yaml(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError, match=fault):
        params.load(tmp_path / "params.yaml")


def test_a_dvc_lock_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_bytes(b"schema: '2.0'\nstages: {\xff: 1}\n")
    with pytest.raises(InputError, match=r"dvc\.lock: not UTF-8.*take the last good one from git"):
        locks.read(tmp_path / "dvc.lock")


@pytest.mark.parametrize("word", ["é", "", base64.b64encode(zlib.compress(b"\xff")).decode()])
def test_packed_entries_that_are_none(word: str) -> None:
    with pytest.raises(InputError, match="lock entries"):
        locks.unpack(word)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("a.jpg,a,wrn,male,30,\n", "row 2: mask 'wrn' is none of worn, incorrect, normal"),
        ("a.jpg,a,worn,male,30,\nb.jpg,b,worn,man,30,\n", "row 3: gender 'man' is none of male, female"),
        ("a.jpg,a,worn,male,300,\n", "row 2: age 300 is not a number of years"),
        ("a.jpg,a,worn,male,30,\na.jpg,a,worn,male,30,\n", "row 3: path 'a.jpg'"),
    ],
)
def test_labels_of_unknown_classes(tmp_path: Path, rows: str, fault: str) -> None:
    (tmp_path / "labels.csv").write_text(LABELS + rows)
    with pytest.raises(InputError, match=rf"labels\.csv: [\s\S]*{fault}"):
        label_table.read(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("a.jpg,a,0,worn,male,30,wrn,<30\n", "predicted_mask 'wrn' is none of"),
        ("a.jpg,a,0,worn,male,30,worn,30\n", "predicted_age '30' is none of <30, 30-59, >=60"),
        ("a.jpg,a,0,wrn,male,30,worn,<30\n", "mask 'wrn' is none of"),
        ("a.jpg,a,0,worn,male,30,worn,\n", "only some attributes are predicted"),
    ],
)
def test_evidence_of_unknown_classes(tmp_path: Path, row: str, fault: str) -> None:
    (tmp_path / "evidence.csv").write_text(EVIDENCE + row)
    with pytest.raises(InputError, match=rf"evidence\.csv[\s\S]*{fault}"):
        OutOfFoldEvidence.read(tmp_path / "evidence.csv")


def test_evidence_that_predicts_no_attribute(tmp_path: Path) -> None:
    (tmp_path / "evidence.csv").write_text("path,person,fold,mask,gender,age,predicted_\na.jpg,a,0,worn,male,30,x\n")
    with pytest.raises(InputError, match="no column predicted_<attribute>"):
        OutOfFoldEvidence.read(tmp_path / "evidence.csv")


def test_predictions_with_a_repeated_path(tmp_path: Path) -> None:
    (tmp_path / "eval.csv").write_text("path,age=years\na.jpg,30\na.jpg,31\n")
    with pytest.raises(InputError, match=r"eval\.csv: duplicate rows[\s\S]*row 3: path 'a.jpg'"):
        predictions.read(tmp_path / "eval.csv")


@pytest.mark.parametrize(
    "kept",
    [
        '{"macro F1": ',
        "[1]",
        '{"macro F1": "much"}',
        '{"macro F1": NaN}',
        "[" * 100_000,
        f'{{"macro F1": {"9" * 400}}}',
    ],
    ids=["cut", "list", "text", "nan", "brackets", "digits"],
)
def test_a_report_whose_figures_are_damaged(tmp_path: Path, kept: str) -> None:
    page = tmp_path / "report.html"
    page.write_text(f'<script type="application/json" id="figures">{kept}</script>')
    with pytest.raises(InputError, match=r"report\.html: its figures: not .*--against takes a report"):
        key_figures.read(page)


@pytest.mark.parametrize("step", [{"OneOf": {"transforms": 5}}, {"OneOf": {"transforms": [5]}}, {"OneOf": 5}, 5])
def test_transforms_that_are_none(step: Any) -> None:
    with pytest.raises(ModelConfigError, match="augmentation"):
        augmentation.build([step])


@pytest.mark.parametrize("change", ["missing", "other shape", "unknown"])
def test_weights_with_other_tensors(tmp_path: Path, change: str) -> None:
    path = tmp_path / "weights.safetensors"
    config = ModelConfig.model_validate(CONFIG)
    metadata = WeightsMetadata(model="mask", fold=0, epoch=2, config=config)
    weights.save(path, Network(config).state_dict(), metadata)
    tensors = load_file(path)
    name = next(name for name in tensors if name.startswith("heads."))
    if change == "missing":
        del tensors[name]
    else:
        tensors[name if change == "other shape" else "stranger"] = torch.zeros(7)
    path.write_bytes(save(tensors, metadata={weights.KEY: metadata.model_dump_json()}))
    with pytest.raises(
        InputError,
        match=r"weights\.safetensors: the tensors do not fit the configuration in its metadata; run `dvc repro`",
    ):
        weights.load(path)


@pytest.mark.parametrize("request_", [5, 5.5, None, True])
def test_a_request_that_is_a_bare_number(request_: Any) -> None:
    with pytest.raises(InputError, match="is neither a photo nor a list of photos; give paths, bytes, base64"):
        request_parsing.cells(request_)


@pytest.mark.parametrize("name", ["\ud800.jpg", "a\0.jpg"])
def test_a_path_that_no_file_can_have(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a file"):
        request_parsing.read(name, "photo 1")


@pytest.mark.parametrize("body", ['{"revision": "\\ud800", "person": "p0", "choices": NaN}', '{"revision": NaN}'])
def test_a_decision_that_json_cannot_repeat(tmp_path: Path, body: str) -> None:
    page = TestClient(create(review(tmp_path), tmp_path, ["testserver"]))
    answered = page.post("/decide", content=body, headers={"content-type": "application/json"})
    assert answered.status_code == 422
    assert "choices" in json.loads(answered.text)["detail"]


def test_a_decision_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    page = TestClient(create(review(tmp_path), tmp_path, ["testserver"]))
    choice = '{"field": "\\ud800", "value": "\\ud800", "verdict": "accept"}'
    body = f'{{"revision": "", "person": "p0", "choices": [{choice}]}}'
    answered = page.post("/decide", content=body, headers={"content-type": "application/json"})
    assert answered.status_code == 422
