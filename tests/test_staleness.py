"""A changed line makes exactly those stages stale that run it, as `dvc status` reports them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.orchestration import graph
from tests.support.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie

TRAININGS = {"train", "refit", "pseudo_label"}


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose dvc.lock is current, with placeholders for all outputs."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for stage in graph.read(workspace.root).values():
        for out in stage.outs:
            path = workspace.root / out
            (path if path.suffix else path / "placeholder").parent.mkdir(parents=True, exist_ok=True)
            (path if path.suffix else path / "placeholder").write_text(stage.name)
    for part in ("train/train.csv", "train/images/photo", "eval/info.csv", "eval/images/photo"):
        place = workspace.root / "data" / "sample" / part
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(part)
    workspace.dvc("commit", "--force", "--quiet")
    return workspace


@contextmanager
def changed(path: Path) -> Iterator[None]:
    """A line more in a file, for a while."""
    before = path.read_bytes()
    path.write_bytes(before + b"# changed\n")
    yield
    path.write_bytes(before)


def stale(workspace: Workspace) -> set[str]:
    """The entries of dvc.yaml (`train`, not `train@face-0`) with a stale stage."""
    from dvc.repo import Repo

    with Repo(str(workspace.root)) as repo:
        return {name.rpartition(":")[2].partition("@")[0] for name in repo.status()}


def test_nothing_is_stale_without_a_change(committed: Workspace) -> None:
    assert stale(committed) == set()


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("dataset/corrections.py", {"relabel"}),
        ("schema/schema.py", {"relabel", "split", "ensemble", "submit", *TRAININGS}),
        ("modeling/config/model.py", TRAININGS),
        ("modeling/targets.py", TRAININGS),
        ("modeling/pseudo_labels.py", {"pseudo_label"}),
        ("modeling/losses.py", TRAININGS),
        ("schema/metrics.py", {"ensemble", "submit", *TRAININGS}),
        ("faces/detection.py", {"crop"}),
        ("formats/images.py", {"crop"}),
        ("synthetic/face.py", {"sample"}),
        ("ensembling/voting.py", {"ensemble"}),
        ("evaluation/report/page.py", {"report"}),
    ],
)
def test_a_changed_line_makes_the_stages_stale_that_run_it(committed: Workspace, file: str, stages: set[str]) -> None:
    with changed(committed.root / "pipeline" / file):
        assert stages <= stale(committed)


@pytest.mark.parametrize(
    ("file", "spared"),
    [
        ("modeling/losses.py", {"sample", "relabel", "crop", "pack", "split"}),
        ("cli/stages.py", TRAININGS | {"crop", "ensemble", "submit"}),
        ("evaluation/report/page.py", TRAININGS | {"crop", "ensemble", "submit"}),
        ("config/kubeflow.py", TRAININGS | {"crop", "ensemble", "submit", "report"}),
        ("orchestration/runner.py", TRAININGS | {"crop", "ensemble", "submit", "report"}),
        ("registry/gate.py", TRAININGS | {"crop", "ensemble", "submit", "report"}),
        ("foundation/progress.py", TRAININGS | {"crop", "ensemble", "submit", "report"}),
        ("faces/detection.py", TRAININGS | {"relabel", "split", "ensemble", "submit"}),
        ("ensembling/voting.py", TRAININGS | {"crop"}),
    ],
)
def test_a_changed_line_spares_the_stages_that_do_not_run_it(committed: Workspace, file: str, spared: set[str]) -> None:
    with changed(committed.root / "pipeline" / file):
        assert not spared & stale(committed)


def test_a_new_command_makes_nothing_stale(committed: Workspace) -> None:
    path = committed.root / "pipeline" / "cli" / "shout.py"
    path.write_text('"""A new command."""\n')
    assert stale(committed) == set()
    path.unlink()


@pytest.mark.parametrize(
    ("folder", "stale_ones", "spared"),
    [
        ("shards/train", {"train", "refit", "infer"}, {"infer_refit", "ensemble", "report"}),
        ("shards/eval", {"infer", "infer_refit", "pseudo_label"}, {"train", "refit", "ensemble", "report"}),
        ("previews/train", {"pack", "ensemble", "report"}, {*TRAININGS, "infer"}),
    ],
)
def test_a_changed_file_of_crops_makes_the_stages_stale_that_read_its_kind(
    committed: Workspace, folder: str, stale_ones: set[str], spared: set[str]
) -> None:
    with changed(committed.root / "data" / "crops" / folder / "0" / "placeholder"):
        found = stale(committed)
    assert found >= {"crop", *stale_ones}
    assert not found & spared
