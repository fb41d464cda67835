"""local: the compiled pipeline, run on this machine, ends as `dvc repro` does."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
from ruamel.yaml import YAML

from pipeline.kubeflow.arguments import Arguments
from tests.test_pipeline import PARAMS, ROOT, Workspace

TINY: dict[str, Any] = PARAMS | {
    "crop": {"size": 48, "shards": [0]},
    "train": {"models": ["face", "years"], "folds": [0]},
    "refit": {"models": []},
    "retrain": {"models": [], "confidence": 0.5, "weight": 0.5},
}
AGE = {"train@years-0", "ensemble", "submit"}


class Clone(Workspace):
    """A clone of the project with the fewest stages, compiled, with a DVC remote."""

    def __init__(self, root: Path, storage: Path) -> None:
        super().__init__(root)
        shutil.copytree(ROOT / "components", root / "components")
        YAML().dump(TINY, root / "params.yaml")
        self.dvc("remote", "add", "--default", "storage", str(storage))
        self.kubeflow("compile")

    def kubeflow(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "pipeline", "kubeflow", *arguments)

    def run_locally(self, *arguments: str) -> set[str]:
        """The stages whose command ran."""
        return set(
            re.findall(r"^ *Running stage '(.*)'", self.kubeflow("run", "--local", "subprocess", *arguments), re.M)
        )


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def finished(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, set[str]]:
    """A clone after a run of all tasks as processes, and the stages that ran."""
    clone = Clone(tmp_path_factory.mktemp("clone"), storage)
    return clone, clone.run_locally()


def test_it_leaves_the_lock_of_dvc_repro(finished: tuple[Clone, set[str]], tmp_path: Path) -> None:
    clone, ran = finished
    assert ran == AGE | {"sample", "relabel", "crop@0", "pack", "split", "train@face-0"}
    elsewhere = Clone(tmp_path, tmp_path)
    elsewhere.repro("repro")
    assert (clone.root / "dvc.lock").read_text() == (elsewhere.root / "dvc.lock").read_text()


def test_after_a_pull_everything_is_up_to_date(finished: tuple[Clone, set[str]]) -> None:
    clone, _ = finished
    assert not (clone.root / "models").exists(), "tasks work elsewhere"
    clone.dvc("pull")
    assert "up to date" in clone.dvc("status")
    assert (clone.root / "results" / "submission.csv").exists()


def test_trainings_are_tracked_where_a_person_looks(finished: tuple[Clone, set[str]]) -> None:
    root = finished[0].root
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'mask-gender-age'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) >= {"face-0", "years-0", "ensemble"}
    assert {file.path for file in client.list_artifacts(runs["ensemble"].info.run_id)} >= {"confusion.png"}
    assert runs["ensemble"].data.tags["member_run.face-0"] == runs["face-0"].info.run_id


def test_a_changed_age_setting_runs_age_and_what_comes_after_it(
    finished: tuple[Clone, set[str]], storage: Path, tmp_path: Path
) -> None:
    clone = Clone(tmp_path, storage)
    assert clone.run_locally("-S", "models.years.heads.age.loss=mse") == AGE
    before, after = finished[0].hashes(), clone.hashes()
    assert {path for path in before if "face" in path} <= {path for path in before if before[path] == after[path]}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["-S", "train.folds=[1]"], "change the graph"),
        (["-S", "models.years.epochs=never"], "models.years.epochs"),
        (["--remote", "nowhere"], "no such folder"),
    ],
)
def test_what_would_stop_every_task_is_told_before_the_first(
    storage: Path, tmp_path: Path, arguments: list[str], fault: str
) -> None:
    clone = Clone(tmp_path, storage)
    with pytest.raises(AssertionError, match=f"(?s)^(?!.*Executing task).*error: .*{fault}"):
        clone.run_locally(*arguments)


def test_a_stage_that_fails_is_named_and_leaves_the_lock_as_it_was(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    clone = Clone(tmp_path / "clone", storage)
    with (clone.root / "pipeline" / "stages" / "relabel.py").open("a") as stage:
        stage.write("raise SystemExit('out of order')\n")
    (clone.root / "dvc.lock").write_text("as it was")
    with pytest.raises(AssertionError, match=r"(?s)out of order.*error: .*failed: 'relabel'"):
        clone.run_locally()
    assert (clone.root / "dvc.lock").read_text() == "as it was"


def test_a_stale_pipeline_is_not_run(tmp_path: Path) -> None:
    clone = Clone(tmp_path, tmp_path)
    clone.kubeflow("compile", "--check")
    YAML().dump(TINY | {"kubeflow": {"tag": "other", "stages": {"default": {}}}}, clone.root / "params.yaml")
    with pytest.raises(AssertionError, match="kubeflow compile"):
        clone.run_locally()


@pytest.mark.parametrize(
    ("remote", "store", "folders"),
    [
        ("s3://bucket/folder", "http://127.0.0.1:5000", []),
        ("/storage", "http://127.0.0.1:5000", ["/storage"]),
        ("/storage", "sqlite:////tracking/mlflow.db", ["/storage", "/tracking"]),
    ],
)
def test_containers_need_the_folders_that_the_arguments_name(remote: str, store: str, folders: list[str]) -> None:
    assert Arguments(remote, store, "faces", [], "1").folders == [Path(folder) for folder in folders]
