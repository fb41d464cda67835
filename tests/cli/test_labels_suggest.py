"""labels suggest: a file of corrections, none of them applied, that relabel reads once rows are chosen."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.dataset.config import Relabel
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.schema import label_table
from pipeline.stages.relabel import relabel
from tests.support.dataset import DataSet
from tests.support.readings import seen_as, with_swap, with_wrong, write

KINDS = [("male", 24), ("female", 45), ("female", 24), ("male", 45)] * 4
PEOPLE = tuple(f"{number:06d}_{gender}_Asian_{age}" for number, (gender, age) in enumerate(KINDS))
WRONG, SWAPPED = PEOPLE[2], PEOPLE[5]


class Workspace:
    """A data set whose labels are wrong for two people, and predictions of models that see the truth."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos = DataSet(root / "photos", PEOPLE).root
        labels = self.relabel()
        write(root, labels, seen_as(with_swap(with_wrong(labels, WRONG, gender="male"), SWAPPED)))

    def relabel(self, *fixes: str) -> pd.DataFrame:
        labels = self.root / "labels.parquet"
        relabel(self.photos, self.root / "fixes", labels, Relabel(fixes=fixes))
        return tables.read(labels, label_table.COLUMNS)

    def suggest(self, *options: str) -> str:
        files = {"labels": "labels.parquet", "out-of-fold": "out_of_fold.parquet", "suggestions": "fixes/proposed.csv"}
        files |= {"fixes": "fixes/automatic.csv"} if options else {}
        words = [*options, *(word for name, file in files.items() for word in (f"--{name}", str(self.root / file)))]
        return CliRunner().invoke(app, ["labels", "suggest", *words], catch_exceptions=False).output

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


def test_suggestions_are_one_new_file_and_none_is_applied(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    before = workspace.files()
    assert "2 suggestions (1 mask, 1 gender, 0 age)" in workspace.suggest()
    after = workspace.files()
    assert after.keys() - before.keys() == {tmp_path / "fixes" / "proposed.csv"}
    assert all(after[path] == content for path, content in before.items())


def test_the_same_predictions_give_the_same_bytes(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.suggest()
    once = workspace.files()
    workspace.suggest()
    assert workspace.files() == once


def test_relabel_takes_the_rows_that_are_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.suggest()
    labels = workspace.relabel("proposed")
    assert set(labels.loc[labels["person"] == WRONG, "gender"]) == {"male"}
    swapped = labels.loc[labels["person"] == SWAPPED].set_index("path")["mask"]
    assert swapped[f"{SWAPPED}/normal.png"] == "incorrect"
    assert set(labels.loc[labels["corrected"] != "", "person"]) == {WRONG, SWAPPED}


def test_those_of_a_confidence_are_accepted_without_a_review(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.suggest()
    first, second = tables.read(tmp_path / "fixes" / "proposed.csv", {"id": "text", "score": "number"}).to_dict(
        "records"
    )
    surest, score = first["id"], first["score"]
    assert score > second["score"]
    assert "automatic.csv: 1 correction;" in workspace.suggest("--confidence", str(score))
    assert set(workspace.relabel("automatic").query("corrected != ''")["person"]) == {surest}


def test_labels_corrected_since_the_models_were_trained_are_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.suggest()
    workspace.relabel("proposed")
    with pytest.raises(InputError, match="has other labels than"):
        workspace.suggest()
