"""remote: stages that run apart from each other, through folders and through S3, have the outs of `dvc repro`."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.foundation.errors import InputError
from pipeline.orchestration import checkpoints, graph, remote
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import repository, scratch
from tests.support import s3
from tests.support.shell import RAN, Project, command, outs

ALL = ["draw", "fit@a", "fit@b", "join"]

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path / "project")
    monkeypatch.setenv(RAN, str(made.notes))
    return made


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "storage"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A folder in a bucket of a server on this machine."""
    with s3.serving() as served:
        yield served.address


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def configure(root: Path, storage: Path | None) -> None:
    """Make a folder a DVC project, with a default remote if one is given."""
    (root / ".dvc").mkdir(exist_ok=True)
    remote = f"remote = storage\n['remote \"storage\"']\nurl = {storage}" if storage else ""
    (root / ".dvc" / "config").write_text(f"[core]\nno_scm = true\n{remote}\n")


def reproduced(project: Project, root: Path) -> str:
    """The dvc.lock that `dvc repro` leaves in a copy of the project."""
    shutil.copytree(project.root, root)
    with scratch("unused", project=root) as workspace, repository(workspace) as opened:
        opened.reproduce()
        return (workspace / "dvc.lock").read_text()


@pytest.mark.parametrize("place", ["storage", "bucket"])
def test_stages_that_run_apart_leave_the_lock_of_dvc_repro(
    project: Project, place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = str(request.getfixturevalue(place))
    entries = project.run_all(address)
    assert project.ran() == ALL
    with scratch(address, project=project.root) as root:
        remote.join(root, entries, "run-1")
        found = remote.fetch(root, "run-1")
        assert found["params.yaml"] == (project.root / "params.yaml").read_bytes()
        with repository(root) as opened:
            opened.pull()
            assert opened.status() == {}, "up to date"
        assert (root / "joined.txt").read_text() == "a.txt\nb.txt\n"
    assert found["dvc.lock"].decode() == reproduced(project, tmp_path / "elsewhere")


def test_a_second_run_runs_no_command_and_a_changed_rate_only_what_depends_on_it(
    project: Project, storage: Path
) -> None:
    first = project.run_all(str(storage))
    project.ran()
    assert project.run_all(str(storage)) == first
    assert project.ran() == []
    changed = project.run_all(str(storage), ["rates.b=0.3"])
    assert project.ran() == ["fit@b", "join"]
    assert outs(changed)["models/a.txt"] == outs(first)["models/a.txt"]


def test_exactly_the_outs_of_the_parents_are_pulled(project: Project, storage: Path) -> None:
    entries = {**project.run(str(storage), "draw", {})}
    for name in ("fit@a", "fit@b"):
        entries |= project.run(str(storage), name, {"draw": entries["draw"]})
    with scratch(str(storage), project=project.root) as root:
        remote.run(root, "join", {name: entries[name] for name in ("fit@a", "fit@b")})
        assert files(root / "models") == {root / "models/a.txt", root / "models/b.txt"}
        assert not (root / "data").exists()


def test_tracked_data_reach_the_stages_that_depend_on_them(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = {"cmd": "cat data/photos/train/1 > used", "deps": ["data/photos/train"], "outs": ["used"]}
    project = Project(tmp_path / "project", use=use)
    monkeypatch.setenv(RAN, str(project.notes))
    photo = project.root / "data" / "photos" / "train" / "1"
    photo.parent.mkdir(parents=True)
    photo.write_text("a face")
    configure(project.root, storage)
    with repository(project.root) as opened:
        opened.add("data/photos")
        opened.push()
    shutil.rmtree(photo.parent.parent)
    assert outs(project.run(str(storage), "use", {}))["used"]


SAVE = "mkdir -p checkpoints; [ -e checkpoints/epoch ] && cp checkpoints/epoch out || ! echo 7 > checkpoints/epoch"


@pytest.mark.parametrize("place", ["storage", "bucket"])
@pytest.mark.parametrize("volume", [True, False])
def test_a_stage_that_is_repeated_finds_its_checkpoint_with_and_without_a_shared_volume(
    tmp_path: Path, place: str, volume: bool, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    address = f"{request.getfixturevalue(place)}/{'shared' if volume else 'own'}"
    if place == "storage":
        Path(address).mkdir()
    project = Project(tmp_path / "project", long={"cmd": SAVE, "deps": ["pipeline/code.py"], "outs": ["out"]})
    monkeypatch.setenv(RAN, str(project.notes))
    shared = tmp_path / "shared" if volume else None

    def run() -> Entries:
        with scratch(address, (), shared, project.root) as root:
            return remote.run(root, "long", {}, shared)

    with pytest.raises(InputError, match="long"):
        run()
    assert bool(kept_checkpoints(address)) == (not volume)
    assert outs(run())["out"]
    assert kept_checkpoints(address) == []
    assert not shared or files(shared / "cache")


def kept_checkpoints(address: str) -> list[str]:
    """The checkpoints that are in a remote."""
    with scratch(address) as root, repository(root) as opened:
        found = opened.cloud.get_remote()
        folder = found.fs.join(found.path, "checkpoints")
        return list(found.fs.find(folder)) if found.fs.exists(folder) else []


def test_a_checkpoint_is_in_the_remote_while_the_stage_still_runs(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PERIOD", 0.05)
    wait = (
        f"for i in $(seq 600); do find {storage}/checkpoints -name epoch | grep -q . && exit 0; sleep 0.1; done; exit 1"
    )
    save = f"mkdir -p checkpoints; echo 7 > checkpoints/epoch; touch out; ({wait})"
    project = Project(tmp_path / "project", long={"cmd": save, "outs": ["out"]})
    monkeypatch.setenv(RAN, str(project.notes))
    assert project.run(str(storage), "long", {})


def test_a_stage_that_fails_pushes_nothing(tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path / "project", half={"cmd": "echo 1 > out; exit 3", "outs": ["out"]})
    monkeypatch.setenv(RAN, str(project.notes))
    with pytest.raises(InputError, match=r"stage 'half' failed to run: .*exited with 3"):
        project.run(str(storage), "half", {})
    assert files(storage) == set()


def test_an_unknown_stage_is_named(project: Project, storage: Path) -> None:
    with pytest.raises(InputError, match=r"no stage 'fit@z'; there are draw, fit@a"):
        project.run(str(storage), "fit@z", {})


def test_entries_of_another_graph_start_nothing(project: Project, storage: Path) -> None:
    entries = project.run(str(storage), "draw", {})
    project.ran()
    before = files(storage)
    entries["draw"]["cmd"] += " "
    with pytest.raises(InputError, match="another version of the graph"):
        project.run(str(storage), "fit@a", entries)
    assert project.ran() == []
    assert files(storage) == before


def test_a_result_that_the_remote_has_lost_is_made_again(project: Project, storage: Path) -> None:
    first = project.run(str(storage), "draw", {})
    project.ran()
    digest = outs(first)["data/sample"]
    (storage / "files" / "md5" / digest[:2] / digest[2:]).unlink()
    assert project.run(str(storage), "draw", {}) == first
    assert project.ran() == ["draw"]


def test_a_damaged_entry_of_the_run_cache_is_left_aside(
    project: Project, storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = project.run(str(storage), "draw", {})
    project.ran()
    (entry,) = files(storage / "runs")
    entry.write_text("cmd: [")
    assert project.run(str(storage), "draw", {}) == first
    assert project.ran() == ["draw"]
    assert f"{entry}: not a lock entry" in capsys.readouterr().err


def test_a_task_takes_a_result_of_dvc_on_a_laptop_from_the_run_cache(project: Project, storage: Path) -> None:
    with scratch(str(storage), project=project.root) as root, repository(root) as opened:
        opened.reproduce()
        opened.push(run_cache=True)
    project.ran()
    project.run_all(str(storage))
    assert project.ran() == []


def test_dvc_on_a_laptop_takes_a_result_from_the_run_cache_of_the_remote(project: Project, storage: Path) -> None:
    project.run_all(str(storage))
    project.ran()
    with scratch(str(storage), project=project.root) as root, repository(root) as opened:
        opened.reproduce(pull=True)
    assert project.ran() == []


def photos(count: int) -> dict[str, Any]:
    """Stages that depend on a folder of that many files as a whole, on a part of it, and on outs below a folder."""
    files = f"mkdir -p data/big/part; for n in $(seq {count}); do echo $n > data/big/part/$n; done; echo > data/big/x"
    whole = {"cmd": command("whole", "mkdir -p many; ls data/big > many/whole"), "deps": ["data/big"]}
    part = {"cmd": command("part", "mkdir -p many; ls data/big/part > many/part"), "deps": ["data/big/part"]}
    return {
        "big": {"cmd": command("big", files), "deps": ["pipeline/code.py"], "outs": ["data/big"]},
        "whole": whole | {"outs": ["many/whole"]},
        "part": part | {"outs": ["many/part"]},
        "both": {"cmd": command("both", "cat many/* > both"), "deps": ["many", "data/big/part"], "outs": ["both"]},
    }


@pytest.mark.parametrize("count", [3, 60])
def test_an_unchanged_stage_reads_a_few_objects_however_large_the_data_are(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path / "project", **photos(count))
    monkeypatch.setenv(RAN, str(project.notes))
    with s3.serving() as served:
        first = project.run_all(served.address)
        assert served.reads > count, "the first run has fetched the files"
        project.ran()
        for name, stage in graph.read(project.root).items():
            parents = {parent: first[parent] for parent in stage.parents}
            read = served.reading(partial(project.run, served.address, name, parents))
            assert read <= 2, name  # the entry of the run-cache, and the list of a folder of which it needs a part
    assert project.ran() == []


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("nowhere", "no such folder"),
        ("/proc", "cannot be written"),
        ("gs://bucket/folder", "dvc-gs"),
        ("foo://bucket", "Unsupported URL type"),
        ("s3://no-such-bucket/folder", "cannot be written"),
    ],
)
def test_a_remote_that_cannot_be_written_stops_a_stage_before_it_runs(
    project: Project, bucket: str, address: str, fault: str
) -> None:
    with pytest.raises(InputError, match=fault):
        project.run(address, "draw", {})
    assert project.ran() == []


def test_a_file_that_the_remote_lacks_is_named(project: Project, storage: Path) -> None:
    entries = project.run_all(str(storage))
    project.ran()
    shutil.rmtree(storage / "runs")
    digest = outs(entries)["models/b.txt"]
    (storage / "files" / "md5" / digest[:2] / digest[2:]).unlink()
    with pytest.raises(InputError, match=r"lacks files.*\n.*models/b\.txt"):
        project.run(str(storage), "join", {name: entries[name] for name in ("fit@a", "fit@b")})
    with scratch(str(storage), project=project.root) as root, pytest.raises(InputError, match=r"models/b\.txt"):
        remote.join(root, entries, "run-1")
    assert project.ran() == []
    assert not (storage / remote.FINISHED).exists()


def test_a_run_is_finished_only_with_the_entries_of_all_stages(project: Project, storage: Path) -> None:
    entries = project.run_all(str(storage))
    del entries["fit@a"]
    with scratch(str(storage), project=project.root) as root:
        with pytest.raises(InputError, match="fit@a: no entry"):
            remote.join(root, entries, "run-1")
        with pytest.raises(InputError, match="no finished run 'run-1'"):
            remote.fetch(root, "run-1")
        assert not (root / "dvc.lock").exists()


def test_a_remote_is_given_or_the_one_of_the_project(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    assert remote.resolve("../storage") == str(tmp_path / "storage")
    assert remote.resolve("s3://bucket/folder") == "s3://bucket/folder"
    configure(project.root, None)
    with pytest.raises(InputError, match="give --remote"):
        remote.resolve(None)
    configure(project.root, tmp_path / "storage")
    assert remote.resolve(None) == str(tmp_path / "storage")


@pytest.mark.parametrize("key", ["folder/tracking/../../../outside", "folder/tracking/run/../../../outside"])
def test_unsent_files_are_not_written_outside_of_their_folder(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3.serving() as served:
        served.put(key, b"{}")
        served.put("folder/tracking/run/a", b"{}")
        with pytest.raises(InputError, match="would be written outside"):
            remote.fetched_unsent(served.address, tmp_path / "own" / "tracking").__enter__()
    assert files(tmp_path) == set()
