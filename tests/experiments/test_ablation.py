"""ablation: rows of changes run with every seed, each training once, and are compared with their parents."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.experiments import ablation
from pipeline.experiments.ablation_table import ONE_SELECTED, Result
from pipeline.foundation.errors import InputError
from tests.support.experiments import tiny_project
from tests.support.workspace import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie

ROWS: dict[str, Any] = {
    "base": {},
    "flip": {"changes": {"tta.face.flip": True}, "note": "Test-time flip."},
    "diverging": {"changes": {"models.face.optimizer.learning_rate": 1e30}},
    "longer": {"parent": "flip", "changes": {"models.*.epochs": 2}},
}
FILE = Path("experiments/tiny.yaml")


def write(rows: dict[str, Any] = ROWS, **more: Any) -> None:
    FILE.parent.mkdir(exist_ok=True)
    YAML().dump({"base": "params.yaml", "seeds": [1, 2], "folds": [0], "rows": rows} | more, FILE)


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project with a tiny data set and a tiny ablation, as working directory."""
    with tiny_project(tmp_path_factory.mktemp("project"), "ablation") as root:
        yield root


def ablate(*words: str) -> tuple[str, BaseException | None]:
    result = CliRunner().invoke(app, ["ablate", str(FILE), "--data", "photos", *words])
    return result.output, result.exception


Rows = dict[str, dict[str, Any]]


def table(name: str) -> Rows:
    """A written table, by row."""
    return {row["row"]: row for row in pd.read_csv(f"docs/{name}.csv").to_dict("records")}  # type: ignore[misc]


@pytest.fixture(scope="module")
def first(project: Path) -> tuple[Rows, BaseException | None]:
    """The table of the first run, and its error."""
    write(output="docs/tiny")
    _, error = ablate("--jobs", "2")
    return table("tiny"), error


def ran(row: str, seed: int) -> set[str]:
    """The kinds of the stages whose command has run in a workspace; others came from the cache."""
    lines = Path(f"ablate/tiny-{row}-{seed}/run.log").read_text().splitlines()
    return {line.split("'")[1].partition("@")[0] for line in lines if line.startswith("Running stage")}


def test_scores_are_those_of_the_workspaces(first: tuple[Rows, BaseException | None]) -> None:
    rows, _ = first
    for name in ("base", "flip", "longer"):
        scores = [
            json.loads(Path(f"ablate/tiny-{name}-{seed}/results/ensemble/metrics.json").read_text())["macro_f1"]
            for seed in (1, 2)
        ]
        assert rows[name]["macro_f1"] == pytest.approx(sum(scores) / 2, abs=1e-6)
        assert [rows[name][f"macro_f1_{seed}"] for seed in (1, 2)] == pytest.approx(scores, abs=1e-6)
        assert rows[name]["spread"] == pytest.approx(abs(scores[0] - scores[1]) / 2**0.5, abs=1e-6)
    assert rows["longer"]["difference"] == pytest.approx(rows["longer"]["macro_f1"] - rows["flip"]["macro_f1"])
    assert pd.isna(rows["base"]["difference"])


def test_what_failed_stays_in_the_table_and_stops_nothing_else(
    first: tuple[Rows, BaseException | None],
) -> None:
    rows, error = first
    assert rows["diverging"]["verdict"] == "failed"
    assert "the training has diverged" in rows["diverging"]["failed"]
    assert pd.isna(rows["diverging"]["macro_f1"])
    assert isinstance(error, InputError)
    assert "2 of 8 runs have no result" in str(error)
    assert "diverging, seed 1: error: params.yaml: models.face: epoch 1" in str(error)


def test_crops_are_cut_once_and_equal_trainings_run_once(first: tuple[Rows, BaseException | None]) -> None:
    assert "train" in ran("base", 1)
    assert not ran("base", 2) & {"relabel", "crop", "pack", "split"}
    assert ran("flip", 1) <= {"infer", "ensemble", "submit"}
    assert "infer" in ran("flip", 1)


def test_seeds_are_those_of_the_trainings(first: tuple[Rows, BaseException | None]) -> None:
    settings = [YAML(typ="safe").load(Path(f"ablate/tiny-longer-{seed}/params.yaml")) for seed in (1, 2)]
    assert [each["models"]["face"]["seed"] for each in settings] == [1, 2]
    assert [each["models"]["face"]["epochs"] for each in settings] == [2, 2]
    assert [each["train"]["folds"] for each in settings] == [[0], [0]]
    assert settings[0]["split"] == settings[1]["split"]


def test_the_page_shows_rows_changes_and_failures(first: tuple[Rows, BaseException | None]) -> None:
    page = Path("docs/tiny.md").read_text()
    assert "`python -m pipeline ablate experiments/tiny.yaml`" in page
    assert "| longer | flip |" in page
    assert "`tta.face.flip: false -> true`" in page
    assert "Test-time flip." in page
    assert "Failed: seed 1: error" in page
    assert "(tiny.csv)" in page


def test_what_has_run_does_not_run_again_and_gives_the_same_table(
    first: tuple[Rows, BaseException | None],
) -> None:
    before = Path("docs/tiny.csv").read_bytes()
    rows = {name: row for name, row in ROWS.items() if name != "diverging"}
    write(rows, output="docs/again")
    _, error = ablate()
    assert error is None
    assert ran("base", 1) == ran("longer", 2) == set()
    kept = [line for line in before.splitlines(keepends=True) if not line.startswith(b"diverging")]
    assert Path("docs/again.csv").read_bytes() == b"".join(kept)


def test_rows_are_not_compared_where_the_scored_people_selected_the_epoch_of_one() -> None:
    row: Any = None
    last, best = (Result(row, {}, ({"epoch_selected_on_val": selected},), {}) for selected in (0, 1))
    for one, other in ((last, best), (best, last)):
        assert one._compared(other) == {"verdict": ONE_SELECTED}


def test_the_table_of_finished_runs_names_what_has_not_run(first: tuple[Rows, BaseException | None]) -> None:
    write({**ROWS, "flip": {"changes": {"tta.face.clean": 2}}}, output="docs/read")
    _, error = ablate("--read")
    assert "flip, seed 2: has not run to its end" in str(error)
    rows = table("read")
    assert rows["base"]["macro_f1"] > 0
    assert rows["longer"]["verdict"] == "failed", "its parent has other parameters now"


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (
            {"base": {}, "a": {"changes": {"models.face.epoch": 2}}},
            r"rows\.a: .*\n.*models\.face\.epoch: unknown key.*'epochs'",
        ),
        ({"base": {}, "a": {"changes": {"models.face.epochs.x": 2}}}, "models.face.epochs is 1, which has no keys"),
        ({"base": {}, "a": {"parent": "bse"}}, "no row 'bse' above it; did you mean 'base'"),
        ({"base": {"parent": "base"}}, "the first row .* has no parent"),
        ({"base": {}, "a b": {}}, "'a b' is no name"),
        ({"base": {}, "a": {"change": {}}}, "rows.a.change: unknown key; did you mean 'changes'"),
        ({}, "rows: must have at least 1 item"),
    ],
)
def test_faults_are_named_before_anything_runs(rows: dict[str, Any], fault: str) -> None:
    write(rows)
    with pytest.raises(InputError, match=fault):
        ablation.read(FILE)


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda file: file.stem)
def test_our_ablations_are_valid_and_every_row_is_another(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    ours = ablation.read(file)
    assert [row.name for row in ours.rows if not row.changes] == [ours.rows[0].name]
    assert len({str(row.params) for row in ours.rows}) == len(ours.rows) > 1
    assert len(ours.file.seeds) >= 3
    assert len(ours.rows[0].params.train.folds) >= 2
