"""A small valid input of every reader of the pipeline, and how the reader is called on damaged bytes."""

import base64
import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastapi.testclient import TestClient
from PIL import Image
from safetensors.torch import save

from pipeline.config import params, recipes
from pipeline.dataset import corrections, folds, layout, photo_shards, photo_weights, same_people, shard_writer
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.ensembling import fitted_ensemble, submissions
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.evaluation import training_history
from pipeline.evaluation.report import key_figures
from pipeline.formats import arrays, images, previews, tables
from pipeline.formats.documents import parse_yaml, read_numbers
from pipeline.formats.images import Pixels
from pipeline.formats.previews import Previews
from pipeline.label_quality import suggestions
from pipeline.label_quality.review import cases, decisions
from pipeline.label_quality.review.app import create
from pipeline.label_quality.review.cases import Case
from pipeline.label_quality.review.reviewing import Review
from pipeline.modeling import augmentation, fold_data, weights
from pipeline.modeling.checkpoints import Checkpoint, Progress
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.network import Network
from pipeline.modeling.training import Inputs
from pipeline.orchestration import graph, locks
from pipeline.registry.evidence import EvalSlice, OutOfFoldEvidence
from pipeline.registry.serving import request_parsing
from pipeline.schema import label_table, predictions
from pipeline.schema.schema import SCHEMA
from tests.readers import tool_inputs
from tests.readers.reader import Reader, file_reader
from tests.support import packed
from tests.support.dataset import DataSet

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = {
    "backbone": "test_efficientnet",
    "pretrained": False,
    "heads": {"mask": {}},
    "image_size": 32,
    "epochs": 2,
    "optimizer": {"name": "adamw", "learning_rate": 1e-3},
}


def readers(root: Path) -> dict[str, Reader]:
    """All readers, each on files of its own below `root`."""
    found: dict[str, Reader] = {}
    for make in (_of_tables, _of_data, _of_results, _of_models, _of_settings, _of_requests):
        found |= make(root)
    return found | tool_inputs.readers(root)


def _labels() -> pd.DataFrame:
    rows = [
        (f"p{person}/{stem}.jpg", f"p{person}", mask, gender, age, "")
        for person, (gender, age) in enumerate([("male", 25), ("female", 45), ("male", 70), ("female", 30)])
        for stem, mask in MASK_OF_STEM.items()
    ]
    return pd.DataFrame(rows, columns=list(label_table.COLUMNS))


def _of_tables(root: Path) -> dict[str, Reader]:
    folder = root / "tables"
    labels = _labels()
    tables.write(labels, folder / "labels.parquet")
    assigned = labels[["path", "person"]].assign(fold=labels["person"].str[1].astype(int) % 2)
    tables.write(assigned, folder / "folds.parquet")
    packed.write(folder / "crops", "train", labels[["path"]], np.zeros((len(labels), 32, 32, 3), np.uint8))
    config = ModelConfig.model_validate(CONFIG | {"heads": {"mask x gender x age": {}}})
    inputs = Inputs(folder / "crops", folder / "labels.parquet", folder / "folds.parquet", folder / "checkpoint.pt")

    def train(_: Path) -> object:
        table = inputs.photos()
        crops = np.zeros((len(table), 32, 32, 3), np.uint8)
        return fold_data.FoldData.of(table, crops, (table["fold"] == 0).to_numpy(), config)

    def fold(_: Path) -> object:
        return folds.groups(folds.labels_with_folds(folder / "labels.parquet", folder / "folds.parquet"))

    return {
        "labels, to train": file_reader(folder / "labels.parquet", train),
        "labels, with folds": file_reader(folder / "labels.parquet", fold),
        "folds, to train": file_reader(folder / "folds.parquet", train),
        "folds, with labels": file_reader(folder / "folds.parquet", fold),
        "table of crops": file_reader(folder / "crops" / "train.parquet", train),
    }


def _of_data(root: Path) -> dict[str, Reader]:
    data = DataSet(root / "data")
    fix = "id,field,was,value,source\n000001_female_Asian_30,gender,female,male,me\n000003-1,age,18,19,me\n"
    people = [path.name for path in data.images.iterdir()]
    decided = ",".join(decisions.COLUMNS) + "\n" + f"{people[0]},age,30,31,accept,me,2026-01-01T00:00:00.000000\n"

    def relabelled(path: Path) -> object:
        return corrections.match(corrections.read(path.parent, ["mine"]), layout.train_photos(data.root))

    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    photos = {}
    for format_, suffix in (("JPEG", "jpg"), ("PNG", "png")):
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, format_)
        photos[f"photo, {format_}"] = file_reader(root / "photos" / f"photo.{suffix}", images.read, buffer.getvalue())
    archives = root / "archives"
    shard_writer.write(data.root, archives, photos=10)
    listed = list(layout.train_photos(archives)["path"])

    def archived(_: Path) -> object:
        layout.train_photos(archives)
        return [photo.read_bytes() for photo in photo_shards.files(archives / layout.TRAIN, listed[:3])]

    same, weighted = f"person,same_as\n{people[0]},{people[1]}\n", f"path,weight\n{listed[0]},0.5\n"
    return photos | {
        "index of archives": file_reader(archives / layout.TRAIN / photo_shards.INDEX, archived),
        "same people": file_reader(
            root / "fixes" / "same.csv",
            lambda path: same_people.groups(people, same_people.read(path.parent, ["same"], people)),
            same.encode(),
        ),
        "weights of photos": file_reader(
            root / "fixes" / "weights.csv",
            lambda path: photo_weights.read(path.parent, ["weights"], listed),
            weighted.encode(),
        ),
        "train.csv": file_reader(data.table, lambda _: layout.train_photos(data.root)),
        "info.csv": file_reader(data.info, lambda _: layout.eval_photos(data.root)),
        "fixes": file_reader(root / "fixes" / "mine.csv", relabelled, fix.encode()),
        "decisions": file_reader(
            root / "reviews" / "me.csv", lambda path: decisions.read(path, people), decided.encode()
        ),
    }


def _of_results(root: Path) -> dict[str, Reader]:
    folder = root / "results"
    labels = _labels()
    paths, codes = list(labels["path"]), SCHEMA.codes(labels)
    draw = np.random.default_rng(0)
    table = draw.dirichlet(np.ones(18), len(paths))
    out_of_fold = pd.DataFrame(table, columns=SCHEMA.class_names)
    out_of_fold.insert(0, "path", paths)
    out_of_fold.insert(1, "target", codes)
    tables.write(labels, folder / "labels.parquet")
    tables.write(out_of_fold, folder / "out_of_fold.parquet")
    predictions.write(
        folder / "eval.parquet", paths, {"mask": draw.dirichlet(np.ones(3), len(paths)), "age": table[:, 0]}
    )
    evidence = labels.drop(columns="corrected").assign(fold=0, predicted_mask="worn", predicted_age=">=60")
    tables.write(evidence, folder / "evidence.csv")
    submission = pd.DataFrame({"ImageID": paths, "ans": codes})
    tables.write(submission, folder / "submission.csv")
    tables.write(pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0]}), folder / "epochs.csv")
    page = f'<html><script type="application/json" id="figures">{json.dumps({"macro F1": 0.5, "photos": 3})}</script>'

    for path in paths[:7]:
        photo = root / layout.TRAIN / path
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.touch()

    previews.write([previews.encode(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 90)], folder / "crops.arrow")

    photos, probabilities = suggestions.read(folder / "labels.parquet", folder / "out_of_fold.parquet")

    def suggested(_: Path) -> object:
        return suggestions.suggest(*suggestions.read(folder / "labels.parquet", folder / "out_of_fold.parquet"))

    def reviewed(path: Path) -> object:
        return cases.read(path, photos, probabilities, root)

    def judged(path: Path) -> object:
        read = OutOfFoldEvidence.read(path)
        return read.leaks(), EvalSlice.of(read).f1

    return {
        "labels, to suggest": file_reader(folder / "labels.parquet", suggested),
        "out_of_fold.parquet": file_reader(folder / "out_of_fold.parquet", suggested),
        "suggestions": file_reader(
            folder / "suggestions.csv", reviewed, b"id,field,was,value,source\np0,gender,male,female,me\n"
        ),
        "predictions": file_reader(
            folder / "eval.parquet", lambda path: predictions.read_for(path, predictions.read(path)[0])
        ),
        "evidence": file_reader(folder / "evidence.csv", judged),
        "submission": file_reader(
            folder / "submission.csv", lambda path: submissions.read(path, submission["ImageID"])
        ),
        "metrics.json": file_reader(
            folder / "metrics.json",
            lambda path: read_numbers(path, "train"),
            json.dumps({"macro_f1": 0.5, "photos": 3}).encode(),
        ),
        "epochs.csv": file_reader(
            folder / "epochs.csv", lambda path: training_history.join({"m": {"m-0": tables.infer(path)}})
        ),
        "report, against": file_reader(
            folder / "report.html",
            lambda path: key_figures.changes(key_figures.read(path).figures, {"macro F1": 0.6, "photos": 3}),
            page.encode(),
        ),
        "previews": file_reader(folder / "crops.arrow", _shown),
        "crops": file_reader(folder / "train.npy", arrays.read, _npy(np.zeros((2, 4, 4, 3), np.uint8))),
    }


def _shown(path: Path) -> list[Pixels]:
    found = Previews([previews.read(path)])
    return [images.decode(found[row], str(path)) for row in range(len(found))]


def _npy(pixels: Any) -> bytes:
    buffer = BytesIO()
    np.save(buffer, pixels)
    return buffer.getvalue()


def _of_models(root: Path) -> dict[str, Reader]:
    folder = root / "models"
    config = ModelConfig.model_validate(CONFIG)
    network = Network(config)
    metadata = WeightsMetadata(model="mask", fold=0, epoch=2, config=config)
    weights.save(folder / "weights.safetensors", network.state_dict(), metadata)
    header = {weights.KEY: metadata.model_dump_json()}
    few = save({"heads.mask.weight": torch.zeros(3, 4)}, metadata=header)
    small = torch.nn.Linear(2, 2)
    checkpoint = Checkpoint(folder / "checkpoint.pt", "a fingerprint")
    checkpoint.save({"network": small}, Progress([{"val_loss": 0.5}], 0, dict(small.state_dict())))
    fitted = FittedEnsemble(
        ensemble=Ensemble.model_validate({"systems": "per_attribute"}),
        voters={"mask": ("mask-0",)},
        temperatures={"mask=mask": 1.5},
        years_stds={},
        age_thresholds={},
        weights={"mask": (1.0,)},
        prior_correction=None,
        class_bias=None,
    )
    return {
        "weights": file_reader(folder / "weights.safetensors", weights.load),
        "weights, few tensors": file_reader(folder / "few.safetensors", weights.load, few),
        "checkpoint": file_reader(folder / "checkpoint.pt", lambda _: checkpoint.restore({"network": small})),
        "ensemble.json": file_reader(
            folder / "ensemble.json", fitted_ensemble.read, fitted.model_dump_json(indent=2).encode()
        ),
    }


def review(root: Path) -> Review:
    labelled = {"gender": "male", "age": "<30"}
    case = Case("p0", "male", 25, labelled, [], [])
    return Review([case], root / "reviews" / "mine.csv", root / "fixes" / "mine.csv", "me")


def _of_settings(root: Path) -> dict[str, Reader]:
    folder = root / "settings"
    entry = {"cmd": "echo", "deps": [{"path": "a", "md5": "0" * 32}], "outs": [{"path": "b", "md5": "1" * 32}]}
    entries = {"sample": entry, "train@mask-0": entry}
    stage = graph.Stage("sample", "echo", "", (), (), ("a",), (), ("b",), ())
    stages = {"sample": stage, "train@mask-0": stage}

    def lock(path: Path) -> None:
        locks.check(locks.read(path), stages, stages)

    def unpack(word: bytes) -> None:
        locks.check(locks.unpack(word.decode("latin-1")), stages, stages)

    def unpack_text(text: bytes) -> None:
        unpack(base64.b64encode(zlib.compress(text)))

    locks.write(entries, folder / "dvc.lock")
    shipped = (ROOT / "params.yaml").read_bytes()
    transforms = b"- OneOf:\n    p: 0.5\n    transforms:\n    - HorizontalFlip: {p: 1.0}\n    - GaussianBlur:\n"

    def augment(text: bytes) -> object:
        steps = parse_yaml(text.decode("latin-1"), "params.yaml")
        return augmentation.build(steps)

    return {
        "recipe": file_reader(folder / "recipe.yaml", lambda path: recipes.title(str(path)), shipped),
        "transforms": Reader(transforms, augment),
        "params.yaml": file_reader(folder / "params.yaml", params.load, shipped),
        "dvc.lock": file_reader(folder / "dvc.lock", lock),
        "packed entries": Reader(locks.pack(entries).encode(), unpack),
        "text of packed entries": Reader((folder / "dvc.lock").read_bytes(), unpack_text),
    }


def _of_requests(root: Path) -> dict[str, Reader]:
    buffer = BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()

    def parse(body: bytes) -> object:
        """A request as MLflow's server hands it on: whatever JSON may hold."""
        try:
            photos = json.loads(body)
        except (ValueError, RecursionError):  # MLflow's own answer
            return None
        return answer(photos)

    def answer(photos: Any) -> object:
        return [
            request_parsing.read_all(batch) for batch in request_parsing.batches(request_parsing.cells(photos), size=2)
        ]

    page = TestClient(create(review(root), root, ["testserver"]), raise_server_exceptions=True)

    def decide(body: bytes) -> object:
        answered = page.post("/decide", content=body, headers={"content-type": "application/json"})
        if answered.status_code >= 500:
            raise AssertionError(answered.text)
        return answered.json()

    step = {"revision": "", "person": "p0", "choices": [{"field": "age", "value": "31", "verdict": "accept"}]}
    return {
        "decision": Reader(json.dumps(step).encode(), decide),
        "request": Reader(json.dumps([encoded, encoded]).encode(), parse),
        "request of bytes": Reader(buffer.getvalue(), lambda content: request_parsing.read(content, "photo 1")),
    }
