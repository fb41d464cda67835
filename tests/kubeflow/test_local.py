"""local: the compiled pipeline, run on this machine, ends as `dvc repro` does."""

import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import Any

import mlflow
import pytest
from ruamel.yaml import YAML

from tests.test_pipeline import PARAMS, ROOT, Workspace

TINY: dict[str, Any] = PARAMS | {
    "crop": {"size": 48, "shards": [0]},
    "train": {"models": ["face", "years"], "folds": [0]},
    "refit": {"models": []},
    "retrain": {"models": [], "confidence": 0.5, "weight": 0.5},
}
AGE = {"train@years-0", "ensemble", "submit", "report"}


class Clone(Workspace):
    """A clone of the project with the fewest stages, compiled."""

    def __init__(self, root: Path, storage: Path) -> None:
        super().__init__(root)
        shutil.copytree(ROOT / "components", root / "components")
        YAML().dump(TINY, root / "params.yaml")
        self.dvc("remote", "add", "--default", "storage", str(storage))
        self.kubeflow("compile")

    def copy(self, root: Path) -> "Clone":
        clone = copy(self)
        clone.root = shutil.copytree(self.root, root)
        return clone

    def kubeflow(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "pipeline", "kubeflow", *arguments)

    def run_locally(self, *arguments: str) -> set[str]:
        """The stages whose command ran."""
        said = self.kubeflow("run", "--local", "subprocess", *arguments)
        return set(re.findall(r"^ *Running stage '(.*)'", said, re.MULTILINE))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run."""
    return Clone(tmp_path_factory.mktemp("clean"), tmp_path_factory.mktemp("storage"))


@pytest.fixture(scope="module")
def finished(clean: Clone, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, set[str], Clone]:
    """A clone after a run of all tasks as processes, the stages that ran, and a clone after `dvc repro`."""
    folder = tmp_path_factory.mktemp("finished")
    here, elsewhere = clean.copy(folder / "here"), clean.copy(folder / "elsewhere")
    with ThreadPoolExecutor(2) as both:
        ran, reproduced = both.submit(here.run_locally), both.submit(elsewhere.repro, "repro")
        reproduced.result()
        return here, ran.result(), elsewhere


def test_it_leaves_the_lock_of_dvc_repro(finished: tuple[Clone, set[str], Clone]) -> None:
    here, ran, elsewhere = finished
    assert ran == AGE | {"sample", "relabel", "crop@0", "pack", "split", "train@face-0"}
    assert (here.root / "dvc.lock").read_text() == (elsewhere.root / "dvc.lock").read_text()


def test_after_a_pull_everything_is_up_to_date(finished: tuple[Clone, set[str], Clone]) -> None:
    clone = finished[0]
    assert not (clone.root / "models").exists(), "tasks work elsewhere"
    clone.dvc("pull")
    assert "up to date" in clone.dvc("status")
    assert (clone.root / "results" / "submission.csv").exists()


def test_trainings_are_tracked_where_a_person_looks(finished: tuple[Clone, set[str], Clone]) -> None:
    root = finished[0].root
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'mask-gender-age'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) >= {"face-0", "years-0", "ensemble"}
    assert {file.path for file in client.list_artifacts(runs["ensemble"].info.run_id)} >= {"confusion.png"}
    assert runs["ensemble"].data.tags["member_run.face-0"] == runs["face-0"].info.run_id


def test_a_changed_age_setting_runs_age_and_what_comes_after_it(
    clean: Clone, finished: tuple[Clone, set[str], Clone], tmp_path: Path
) -> None:
    clone = clean.copy(tmp_path / "clone")
    assert clone.run_locally("-S", "models.years.heads.age.loss=mse") == AGE
    before, after = finished[0].hashes(), clone.hashes()
    assert {path for path in before if "face" in path} <= {path for path in before if before[path] == after[path]}


def test_a_stage_that_fails_is_named_and_leaves_the_lock_as_it_was(clean: Clone, tmp_path: Path) -> None:
    clone = clean.copy(tmp_path / "clone")
    (tmp_path / "storage").mkdir()
    with (clone.root / "pipeline" / "stages" / "relabel.py").open("a") as stage:
        stage.write("raise SystemExit('out of order')\n")
    (clone.root / "dvc.lock").write_text("schema: '2.0'\n")
    with pytest.raises(AssertionError, match=r"(?s)out of order.*error: .*failed: 'relabel'"):
        clone.run_locally("--remote", str(tmp_path / "storage"))
    assert (clone.root / "dvc.lock").read_text() == "schema: '2.0'\n"
