"""The image, and the compiled pipeline in it: `make test-containers` builds the one and runs the other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import locks, params
from pipeline.workspace import override

ROOT = Path(__file__).parents[2]
TAG = os.environ.get("IMAGE_TAG", "")
IMAGE = f"{params.load(ROOT / 'params.yaml').kubeflow.image}:{TAG}"
CLONED = ("pipeline", "components", "fixes", "dvc.yaml", "params.yaml", "pipeline.yaml", ".dvcignore")
TINY = ["sample.people=24", "sample.eval_people=4", "crop.size=48"]
TINY += [
    f"models.{model}.{setting}" for model in ("mask", "gender", "age") for setting in ("epochs=1", "image_size=48")
]

pytestmark = [
    pytest.mark.skipif(not TAG, reason="needs a container engine: make test-containers"),
    pytest.mark.filterwarnings("ignore:_NoneStep.value"),  # DVC 3.67 on how it uses pygtrie
]


def run(*command: str, folder: Path = ROOT, expected: int = 0) -> str:
    """What a command says; fails unless it exits with the expected status."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def in_image(*command: str) -> str:
    """What a command says in a container with a read-only root."""
    options = ["--rm", "--network=host", "--read-only", "--tmpfs=/tmp"]
    return run("docker", "run", *options, IMAGE, *command)


def clone(root: Path) -> Path:
    root.mkdir()
    for name in CLONED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    run("dvc", "init", "--no-scm", "--quiet", folder=root)
    return root


def in_containers(root: Path, storage: Path, *overrides: str, expected: int = 0) -> str:
    """What the compiled pipeline says when it runs in containers from a clone."""
    options = [word for each in overrides for word in ("-S", each)]
    store = f"sqlite:///{storage.parent / 'mlflow' / 'mlflow.db'}"
    command = ["kubeflow", "run", "--local", "docker", "--remote", str(storage), "--mlflow", store]
    return run(sys.executable, "-m", "pipeline", *command, "--image-tag", TAG, *options, folder=root, expected=expected)


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
def finished(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after the whole pipeline ran in containers on a tiny sample."""
    root = clone(tmp_path_factory.mktemp("containers") / "clone")
    in_containers(root, storage, *TINY)
    override(root, TINY)
    run("dvc", "remote", "add", "--default", "remote", str(storage), folder=root)
    run("dvc", "pull", "--quiet", folder=root)
    return root


def test_a_task_is_not_root_and_finds_the_program_and_no_git() -> None:
    assert in_image("id", "--user").strip() == "10001"
    assert "Submission" in in_image("python", "-m", "pipeline", "submit", "--help").title()
    assert in_image("sh", "-c", "command -v git || echo none").strip() == "none"


def test_the_image_holds_files_of_the_project_and_nothing_else() -> None:
    inside = in_image("find", ".", "-type", "f", "-not", "-name", "*.pyc", "-printf", "%P\n").split()
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert set(inside) <= set(tracked)
    assert {"dvc.yaml", "params.yaml", "pipeline/__main__.py", "components/train.py"} <= set(inside)


def test_the_image_names_the_commit_that_it_was_built_from() -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    said = run("docker", "image", "inspect", "--format", label, IMAGE)
    assert said.strip() == run("git", "rev-parse", "HEAD").strip()


def test_the_pipeline_in_containers_leaves_what_it_leaves_here(finished: Path, tmp_path: Path) -> None:
    here = clone(tmp_path / "here")
    override(here, TINY)
    run(sys.executable, "-m", "pipeline", "run", "--jobs", "2", folder=here)
    assert locks.read(finished / locks.FILE) == locks.read(here / locks.FILE)
    assert "up to date" in run("dvc", "status", folder=finished)


def test_no_task_wrote_as_root(finished: Path, storage: Path) -> None:
    owners = {path.stat().st_uid for path in storage.rglob("*")}
    assert owners == {os.getuid() or 10001}


def test_a_stage_that_fails_in_a_container_fails_the_run(storage: Path, tmp_path: Path) -> None:
    root = clone(tmp_path / "failing")
    said = in_containers(root, storage, *TINY, "relabel.fixes=[nowhere]", expected=1)
    assert "'relabel'" in said.splitlines()[-1]
    assert not (root / locks.FILE).exists()
