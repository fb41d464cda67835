"""graph: every stage once, parents first, each edge as DVC knows it."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, plan, workspace_lock
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample
from tests.support.shell import Project
from tests.support.workspace import copy

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def test_stages_of_a_matrix_are_stages_of_one_kind(project: Project) -> None:
    stages = graph.read(project.root)
    assert {name: stage.kind for name, stage in stages.items()} == {
        "draw": "draw",
        "fit@a": "fit",
        "fit@b": "fit",
        "join": "join",
    }


def test_what_is_opened_of_dvc_is_closed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Repo] = []
    monkeypatch.setattr(Repo, "close", lambda repo: closed.append(repo))
    monkeypatch.chdir(project.root)
    graph.read(project.root)
    plan.read([])
    workspace_lock.require_unlocked(project.root)
    assert len(closed) == 3


def test_a_folder_as_dependency_makes_all_stages_that_write_below_it_parents(project: Project) -> None:
    stages = graph.read(project.root)
    assert [stage.parents for stage in stages.values()] == [(), ("draw",), ("draw",), ("fit@a", "fit@b")]


def test_templates_are_resolved(project: Project) -> None:
    stage = graph.read(project.root)["fit@b"]
    assert stage.command.endswith("data/sample/seed > models/b.txt")
    assert stage.outs == ("models/b.txt",)


def test_code_is_what_no_stage_makes(project: Project) -> None:
    stages = graph.read(project.root)
    assert [stage.code for stage in stages.values()] == [("pipeline/code.py",), (), (), ()]


def test_data_that_dvc_tracks_is_a_source_and_not_code(tmp_path: Path) -> None:
    use = {"cmd": "true", "deps": ["data/photos/train"], "outs": ["used"]}
    project = Project(tmp_path / "project", use=use)
    (project.root / "data").mkdir()
    (project.root / "data" / "photos.dvc").write_text("outs: [{path: photos, md5: 0123.dir}]")
    stage = graph.read(project.root)["use"]
    assert (stage.sources, stage.code, stage.parents) == (("data/photos.dvc",), (), ())


def test_the_shipped_graph_has_parents_before_children() -> None:
    stages = graph.read(ROOT)
    seen: set[str] = set()
    for name, stage in stages.items():
        assert seen.issuperset(stage.parents)
        seen.add(name)
    assert "sample" in stages["relabel"].parents
    assert any(stage.metrics for stage in stages.values())


def test_the_shipped_graph_takes_a_data_folder_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "project")
    text = (ROOT / "params.yaml").read_text().replace("root: data/sample", "root: ../my photos & faces")
    (tmp_path / "project" / "params.yaml").write_text(text)
    Repo.init(str(tmp_path / "project"), no_scm=True).close()
    stages = graph.read(tmp_path / "project")
    named = [name for name, stage in stages.items() if "../my photos & faces" in shlex.split(stage.command)]
    assert named == ["relabel", "crop@0", "submit"]


def test_a_graph_differs_where_a_stage_does(project: Project) -> None:
    before = graph.read(project.root)
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("- b", "- c"))
    after = graph.read(project.root)
    assert list(graph.changes(before, before)) == []
    assert list(graph.changes(before, after)) == [
        "stage fit@b is gone",
        "stage join differs in parents",
        "stage fit@c is new",
    ]


def test_an_unknown_stage_is_named_with_those_there_are(project: Project) -> None:
    with pytest.raises(InputError, match="no stage 'fit@c'; there are draw, fit@a, fit@b, join"):
        graph.find(graph.read(project.root), "fit@c")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "dvc.yaml: no such file; run from the project's root"),
        ("stages: {draw: {cmd: [}", "'dvc.yaml', YAML file structure is corrupted"),
        ("stages: {draw: {outs: [x]}}", "dvc.yaml' validation failed"),
        ("stages: {draw: {cmd: '${seeed}'}}", "seeed"),
        (
            "stages: {a: {cmd: x, deps: [b], outs: [a]}, b: {cmd: x, deps: [a], outs: [b]}}",
            "both a dependency and an output",
        ),
    ],
)
def test_what_dvc_does_not_accept_is_an_input_error(project: Project, text: str | None, fault: str) -> None:
    (project.root / "dvc.yaml").unlink()
    if text:
        (project.root / "dvc.yaml").write_text(text)
    with pytest.raises(InputError, match=fault):
        graph.read(project.root)


HOSTILE = (
    "Ann's photos",
    "a; touch hostile",
    "$(touch hostile)",
    "`touch hostile`",
    'two "words"',
    "a > hostile",
    "-x",
)


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_of_params_is_read_by_a_shell(value: str, tmp_path: Path) -> None:
    read = YAML(typ="safe").load(ROOT / "params.yaml")
    read["data"]["root"] = value
    for key in ("train", "refit", "pseudo_label"):
        read[key]["models"] = [value]
    read["submission"]["name"] = value
    read |= {"models": {value: {}}, "crop": read["crop"] | {"shards": [value]}}
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    YAML().dump(read, tmp_path / "params.yaml")
    for stage in graph.read(tmp_path).values():
        given = arguments(stage.command, tmp_path)
        assert ("--model" in given) == ("@" in stage.name and stage.kind != "crop")
        for option in {"--model", "--root", "--shard", "--name"} & set(given):
            assert given[given.index(option) + 1] == value
        assert ("--name" in given) == (stage.name == "submit")
    assert {path.name for path in tmp_path.iterdir()} == {"dvc.yaml", "params.yaml", "python"}


def test_the_submission_has_the_name_of_the_parameters(tmp_path: Path) -> None:
    read = YAML(typ="safe").load(ROOT / "params.yaml")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    YAML().dump(read, tmp_path / "params.yaml")
    shipped = graph.read(tmp_path)["submit"]
    assert set(shipped.outs) == {"results/submission.csv", "results/shares.csv", "results/submission.json"}
    YAML().dump(read | {"submission": {"name": "tuned"}}, tmp_path / "params.yaml")
    named = graph.read(tmp_path)["submit"]
    assert set(named.outs) == {"results/tuned.csv", "results/shares.csv", "results/submission.json"}
    assert "--name tuned" in named.command


def arguments(command: str, folder: Path) -> list[str]:
    """The words that a shell gives to the program of a command."""
    (folder / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "python").chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=path, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_data_set_in_a_folder_with_an_apostrophe_is_read(tmp_path: Path) -> None:
    root = copy(tmp_path / "project")
    sample(root / "data" / "Ann's photos", Sample(people=24, eval_people=4, seed=1))
    read = YAML(typ="safe").load(ROOT / "params.yaml")
    YAML().dump(read | {"data": {"root": "data/Ann's photos"}}, root / "params.yaml")
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1"}
    for words in (["init", "--no-scm", "--quiet"], ["repro", "--quiet", "--single-item", "relabel"]):
        subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, env=path, check=True)
    assert tables.count(root / "data" / "labels.parquet") == 24 * 7
