"""The image, and the compiled pipeline in it: `make test-containers` builds the one and runs the other."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.config import params
from tests.support.clones import ALL, Clone
from tests.support.workspace import ROOT

TAG = os.environ.get("IMAGE_TAG", "")
NAME = params.load(ROOT / "params.yaml").kubeflow.image.partition(":")[0]
IMAGE = f"{NAME}:{TAG}"

pytestmark = pytest.mark.skipif(not TAG, reason="needs a container engine: make test-containers")


def run(*command: str) -> str:
    """What a command says; fails unless it succeeds."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def in_image(*command: str) -> str:
    """What a command says in a container with a read-only root."""
    return run("docker", "run", "--rm", "--network=host", "--read-only", "--tmpfs=/tmp", IMAGE, *command)


def in_containers(clone: Clone, storage: Path, *arguments: str) -> set[str]:
    """Run the compiled pipeline in containers of a clone's image; the stages whose command ran."""
    store = f"sqlite:///{storage.parent / 'mlflow' / 'mlflow.db'}"
    options = ["--remote", str(storage), "--mlflow", store, "--image", f"{NAME}:{TAG}-tiny"]
    return clone.run_locally(*options, *arguments, engine="docker")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC remote that whoever a container runs as can write to, with a place for MLflow beside it."""
    folder = tmp_path_factory.mktemp("storage")
    for name in ("remote", "mlflow"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    for above in (folder, *folder.parents):  # pytest lets nobody else in
        if above.is_relative_to(tmp_path_factory.getbasetemp().parent):
            above.chmod(0o755)
    return folder / "remote"


@pytest.fixture(scope="module")
def clean(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run, whose parameters are those of an image of its own."""
    clone = Clone(tmp_path_factory.mktemp("clean"), storage)
    (clone.root / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY params.yaml .\n")
    clone.run("docker", "build", "--quiet", "--tag", f"{NAME}:{TAG}-tiny", ".")
    return clone


@pytest.fixture(scope="module")
def finished(clean: Clone, storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after the whole pipeline ran in containers."""
    clone = clean.copy(tmp_path_factory.mktemp("finished") / "clone")
    assert in_containers(clone, storage) == ALL
    return clone


def test_a_task_is_not_root_and_finds_the_program_and_no_git() -> None:
    assert in_image("id", "--user").strip() == "10001"
    assert "Submission" in in_image("python", "-m", "pipeline", "submit", "--help").title()
    assert in_image("sh", "-c", "command -v git || echo none").strip() == "none"


def test_the_image_holds_files_of_the_project_and_nothing_else() -> None:
    inside = in_image("find", ".", "-type", "f", "-not", "-name", "*.pyc", "-printf", "%P\n").split()
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert set(inside) <= set(tracked)
    assert {"dvc.yaml", "params.yaml", "pipeline/__main__.py", "components/stages.py"} <= set(inside)


def test_the_image_names_the_commit_that_it_was_built_from() -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    said = run("docker", "image", "inspect", "--format", label, IMAGE)
    assert said.strip() == run("git", "rev-parse", "HEAD").strip()


def test_the_pipeline_in_containers_leaves_the_lock_of_dvc_repro(clean: Clone, finished: Clone, tmp_path: Path) -> None:
    here = clean.copy(tmp_path / "here")
    here.repro("repro")
    assert finished.lock() == here.lock()
    finished.dvc("pull", "--quiet")
    assert "up to date" in finished.dvc("status")


def test_no_task_wrote_as_root(finished: Clone, storage: Path) -> None:
    made = [path for folder in storage.parent.iterdir() for path in folder.rglob("*")]
    assert {path.stat().st_uid for path in made} == {os.getuid() or 10001}


def test_a_stage_that_fails_in_a_container_fails_the_run(clean: Clone, storage: Path, tmp_path: Path) -> None:
    clone = clean.copy(tmp_path / "failing")
    with pytest.raises(AssertionError, match=r"error: .*'relabel'.*; its log is above"):
        in_containers(clone, storage, "-S", "relabel.fixes=[nowhere]")
    assert not (clone.root / "dvc.lock").exists()
