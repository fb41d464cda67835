"""position: the line in which a stage says which of how many it is."""

from pathlib import Path

import pytest

from pipeline.orchestration import graph, position
from tests.support.shell import Project

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with four stages, in which DVC runs the second."""
    project = Project(tmp_path / "project")
    (project.root / ".dvc/tmp").mkdir(parents=True)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    monkeypatch.setenv("DVC_STAGE", "fit@a")
    return project.root


@pytest.mark.usefixtures("root")
def test_a_stage_says_which_of_how_many_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    position.announce()
    monkeypatch.setenv("DVC_STAGE", "join")
    monkeypatch.delattr(graph, "read")  # the first stage has asked DVC
    position.announce()
    assert capsys.readouterr().out == "stage 2 of 4\nstage 4 of 4\n"


def test_other_parameters_are_other_stages(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    position.announce()
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("- b\n", "- b\n- a2\n").replace("  b: 0.2", "  b: 0.2\n  a2: 0.3"))
    position.announce()
    assert capsys.readouterr().out == "stage 2 of 4\nstage 2 of 5\n"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("variable", "value"),
    [("PIPELINE_RUN", "a run"), ("LOCAL_RANK", "1"), ("DVC_ROOT", ""), ("DVC_STAGE", "sub/dvc.yaml:fit")],
)
def test_nothing_is_said_where_others_show_the_progress_or_of_others_stages(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable)
    position.announce()
    assert capsys.readouterr().out == ""
