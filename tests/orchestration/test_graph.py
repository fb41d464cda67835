"""graph: every stage once, parents first, each edge as DVC knows it."""

import shlex
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph
from tests.support.shell import Project

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
    assert named == ["relabel", "crop@0", "pack", "submit"]


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
