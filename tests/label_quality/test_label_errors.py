"""The synthetic sample has known label errors: they are found, and correcting them improves the models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.dataset import corrections
from pipeline.dataset.config import Relabel, Split
from pipeline.formats import tables
from pipeline.formats.images import Pixels
from pipeline.label_quality.suggestions import suggest, write
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.training import Inputs
from pipeline.schema import label_table, predictions
from pipeline.schema.metrics import confusion, macro_f1
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import SCHEMA, Codes
from pipeline.stages.infer import infer
from pipeline.stages.relabel import relabel
from pipeline.stages.sample import sample
from pipeline.stages.split import split
from pipeline.stages.train import train
from pipeline.synthetic.config import Sample
from tests.support import packed

FOLDS = (0, 1)
SIZE = 64
MODEL = ModelConfig.model_validate(
    {
        "backbone": "test_resnet",
        "pretrained": False,
        "heads": {"mask": {}, "gender": {}, "age": {}},
        "image_size": SIZE,
        "augmentation": [{"HorizontalFlip": {"p": 0.5}}],
        "epochs": 10,
        "batch_size": 32,
        "optimizer": {"name": "adamw", "learning_rate": 4e-3, "weight_decay": 0.05},
        "schedule": {"name": "cosine", "warmup": 1},
    }
)


class Workspace:
    """A synthetic sample, its crops and folds, and models trained on its labels."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos = root / "sample"
        sample(self.photos, Sample(people=90, eval_people=1))
        self.truth = tables.read(self.photos / "train" / "truth.csv", {"id": "text"})
        self.accept("truth", self.truth)
        self.labels("given")
        given, folds, classes, plot = (
            root / name for name in ("given.csv", "folds.parquet", "classes.csv", "classes.png")
        )
        split(given, root / "fixes", folds, classes, plot, Split(folds=len(FOLDS)))
        self._crop()

    def accept(self, name: str, rows: pd.DataFrame) -> None:
        tables.write(rows, self.root / "fixes" / f"{name}.csv")

    def labels(self, name: str, *accepted: str) -> pd.DataFrame:
        """The labels with corrections, under a name."""
        labels = self.root / f"{name}.csv"
        relabel(self.photos, self.root / "fixes", labels, Relabel(fixes=accepted))
        return tables.read(labels, label_table.COLUMNS)

    def out_of_fold(self, labels: str) -> Table:
        """Probabilities (n, 18), in the order of the labels, of models trained on them."""
        found: dict[str, Table] = {}
        for fold in FOLDS:
            output = self.root / labels / str(fold)
            inputs = Inputs(
                self.crops, self.root / f"{labels}.csv", self.root / "folds.parquet", output / "checkpoint.pt"
            )
            train(inputs, "face", fold, MODEL, output, lambda *_: None)
            infer(output / "weights.safetensors", inputs.crops, inputs.folds, TTA(), output)
            paths, heads = predictions.read(output / "out_of_fold.parquet")
            found |= dict(zip(paths, multiply(heads), strict=True))
        return np.stack([found[path] for path in sorted(found)])

    def _crop(self) -> None:
        self.crops = self.root / "crops"
        for part, pattern in {"train": "*/[!.]*", "eval": "*"}.items():
            folder = self.photos / part / "images"
            paths = sorted(folder.glob(pattern))
            names = pd.DataFrame({"path": [path.relative_to(folder).as_posix() for path in paths]})
            packed.write(self.crops, part, names, np.stack([_center(path) for path in paths]))


def _center(path: Path) -> Pixels:
    with Image.open(path) as photo:
        return np.asarray(photo.convert("RGB").resize((SIZE, SIZE), box=(72, 86, 312, 386)))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def given(workspace: Workspace) -> Table:
    return workspace.out_of_fold("given")


@pytest.fixture(scope="module")
def suggestions(workspace: Workspace, given: Table) -> pd.DataFrame:
    """As they are read from the file."""
    write(workspace.root / "suggestions.csv", suggest(workspace.labels("given"), given))
    return tables.read(workspace.root / "suggestions.csv", corrections.COLUMNS)


def errors(rows: pd.DataFrame, *fields: str) -> set[tuple[str, str]]:
    chosen = rows[rows["field"].isin(fields)]
    return set(zip(chosen["id"], chosen["field"], strict=True))


def test_wrong_genders_and_swaps_are_suggested(workspace: Workspace, suggestions: pd.DataFrame) -> None:
    known, found = (errors(rows, "gender", "mask") for rows in (workspace.truth, suggestions))
    assert len(known & found) / len(known) >= 0.8
    assert len(known & found) / len(found) >= 0.5


def test_suggestions_that_are_accepted_raise_the_score_on_clean_labels(
    workspace: Workspace, given: Table, suggestions: pd.DataFrame
) -> None:
    known = errors(workspace.truth, *SCHEMA.names)
    right = [(row.id, row.field) in known for row in suggestions.itertuples()]
    workspace.accept("reviewed", suggestions[right])
    corrected = workspace.labels("corrected", "reviewed")
    assert (corrected["corrected"] != "").any()
    clean = SCHEMA.codes(workspace.labels("clean", "truth"))
    assert score(clean, workspace.out_of_fold("corrected")) > score(clean, given)


def score(codes: Codes, probabilities: Table) -> float:
    return macro_f1(confusion(codes, probabilities.argmax(axis=1)))
