"""A small valid input of every reader around the stages: tracking, registry, experiments, the workspace."""

import json
from pathlib import Path

import torch

from pipeline.config import edits
from pipeline.experiments import ablation, space
from pipeline.faces.config import Crop
from pipeline.faces.photo_sizes import PhotoSizes
from pipeline.modeling import dlib_resnet
from pipeline.modeling.config import TTA
from pipeline.orchestration import workspace_lock
from pipeline.registry import alias_history
from pipeline.registry.export import exporting
from pipeline.registry.serving import classifier
from pipeline.tracking.entries import ENTRY
from pipeline.tracking.outbox import Outbox
from tests.modeling.test_dlib_resnet import serialized
from tests.readers.reader import Reader, file_reader

ROOT = Path(__file__).parents[2]
CHANGE = {"kind": "promote", "before": None, "after": 1, "person": "me", "reason": "", "since": None, "pending": False}
ABLATION = "base: {base}\nrows:\n  plain: {{}}\n  longer: {{changes: {{submission.name: other}}}}\n"
SETTINGS = "train:\n  folds: [0]  # held out\nsubmission:\n  name: submission\n"
SEARCH = """base: {base}
folds: [0]
budget: {{trials: 2}}
confirm: {{trials: 1, seeds: [1], folds: [1]}}
space:
  models.*.batch_size: {{choice: [8, 16]}}
"""


def readers(root: Path) -> dict[str, Reader]:
    """The readers, each on files of its own below `root`."""
    return _of_tracking(root / "tracking") | _of_registry(root / "registry") | _of_experiments(root / "experiments")


def _of_tracking(folder: Path) -> dict[str, Reader]:
    outbox = Outbox(folder)
    start = {
        "kind": "start",
        "time": 1,
        "name": "a",
        "address": "x",
        "experiment": "e",
        "tags": {},
        "commit": {},
        "pipeline": None,
    }
    entries = [start, {"kind": "metrics", "time": 2, "step": 1, "values": {"f1": 0.5}}]
    lines = "".join(f"{ENTRY.validate_python(entry).model_dump_json()}\n" for entry in entries)
    return {
        "outbox": file_reader(folder / "entries.jsonl", lambda _: outbox.entries(), lines.encode()),
        "outbox, sent": file_reader(folder / "sent.json", lambda _: outbox.sent(), b'{"entries": 2, "run": "a"}'),
    }


def _of_registry(folder: Path) -> dict[str, Reader]:
    key = f"{alias_history.PREFIX}2026-01-01T00:00:00.000000Z me"
    for version, members in (("whole", ["face-0"]), ("empty", [])):
        (folder / version / classifier.MEMBERS).mkdir(parents=True)
        for member in members:
            (folder / version / classifier.MEMBERS / f"{member}.safetensors").touch()
    whole, empty = folder / "whole", folder / "empty"
    files = {
        classifier.TTA_FILE: classifier.TTA_BY_MEMBER.dump_json({"face-0": TTA(flip=True)}),
        classifier.CROP: Crop(size=48).model_dump_json().encode(),
        classifier.SIZES_FILE: json.dumps(PhotoSizes(100, 200)._asdict()).encode(),
    }
    for name, content in files.items():
        (empty / name).write_bytes(content)
    layer = [torch.zeros(2, 1, 1, 1), torch.zeros(2), torch.ones(2), torch.zeros(2)]
    weights = serialized([(layer[0], layer[1], layer[2], layer[3])])
    entry = {"face-0": {"weights": "0" * 64, "tta": {}, "fastest": "onnx", "gain": 2.0}}
    return {
        "change of the alias": Reader(
            json.dumps(CHANGE).encode(), lambda text: alias_history._read("model", key, text.decode("latin-1"))
        ),
        "tta of a version": file_reader(
            whole / classifier.TTA_FILE, lambda _: classifier.members(whole), files[classifier.TTA_FILE]
        ),
        **{f"{name} of a version": file_reader(empty / name, lambda _: classifier.Classifier(empty)) for name in files},
        "export.json": file_reader(
            folder / exporting.FILE, lambda _: exporting.fastest(folder, {}), json.dumps(entry).encode()
        ),
        "weights of dlib": file_reader(folder / "dlib.dat", dlib_resnet.DlibResNet().load, weights),
    }


def _of_experiments(folder: Path) -> dict[str, Reader]:
    base = ROOT / "recipes" / "sample.yaml"
    (folder / ".dvc" / "tmp").mkdir(parents=True)
    (folder / ".dvc" / "config").touch()
    noted = {"write": {"a": {"pid": 2**22 + 1, "cmd": "dvc repro"}}, "read": {"b": []}}  # above all process numbers

    def change(key: str, value: str) -> object:
        return edits.replaced(SETTINGS, key, value, "params.yaml")

    return {
        "ablation": file_reader(folder / "ablation.yaml", ablation.read, ABLATION.format(base=base).encode()),
        "search": file_reader(folder / "search.yaml", space.read, SEARCH.format(base=base).encode()),
        "value to set": Reader(b"[0, 1]", lambda value: change("train.folds", value.decode("latin-1"))),
        "key to set": Reader(b"submission.name", lambda key: change(key.decode("latin-1"), "submission")),
        "DVC's list of processes": file_reader(
            folder / ".dvc" / "tmp" / "rwlock",
            lambda _: workspace_lock.require_unlocked(folder),
            json.dumps(noted).encode(),
        ),
    }
