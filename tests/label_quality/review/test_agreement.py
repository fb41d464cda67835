"""agreement: conflicts of two reviewers are shown, and stay open after a merge."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.foundation.errors import InputError
from pipeline.label_quality.review import decisions
from pipeline.label_quality.review.agreement import Agreement
from pipeline.label_quality.review.decisions import Decision


def decision(person: str, verdict: str, reviewer: str, value: str = "male") -> Decision:
    field, was = ("gender", "female") if value == "male" else ("age", "20")
    return Decision(person, field, was, value, verdict, reviewer, f"2026-11-2{person}T10:00:00+00:00")


ANNA = [decision("1", "accept", "anna"), decision("2", "reject", "anna"), decision("3", "accept", "anna", "61")]
BEN = [
    decision("1", "accept", "ben"),
    decision("2", "accept", "ben"),
    decision("3", "accept", "ben", "45"),
    decision("4", "unsure", "ben"),
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "anna.csv", tmp_path / "ben.csv"
    for path, some in zip(paths, (ANNA, BEN), strict=True):
        decisions.write(path, some)
    return paths


def test_another_verdict_or_another_value_is_a_conflict() -> None:
    found = Agreement.of(ANNA, BEN)
    assert [one.id for one, _ in found.agreed] == ["1"]
    assert [one.id for one, _ in found.conflicts] == ["2", "3"]
    assert [[one.id for one in some] for some in found.alone] == [[], ["4"]]


def test_merging_is_the_same_in_either_order() -> None:
    assert Agreement.of(ANNA, BEN).merged() == Agreement.of(BEN, ANNA).merged()


def test_merging_with_oneself_changes_nothing() -> None:
    assert Agreement.of(ANNA, ANNA).merged() == ANNA


def test_compare_shows_every_conflict_and_fails(files: tuple[Path, Path]) -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["labels", "compare", *map(str, files)])
    assert shown.exit_code == 1
    assert all(word in shown.output for word in ("Conflicts", "accept: 61", "accept: 45", "reject"))
    assert CliRunner().invoke(app, ["labels", "compare", str(files[0]), str(files[0])]).exit_code == 0


def test_conflicts_are_shown_as_they_are_written(tmp_path: Path) -> None:
    files = tmp_path / "[anna].csv", tmp_path / "ben.csv"
    for path, one in zip(files, (ANNA[1], BEN[1]), strict=True):
        decisions.write(path, [one._replace(id="1 [/old]")])
    shown = CliRunner(env={"COLUMNS": "400"}).invoke(app, ["labels", "compare", *map(str, files)])
    assert "1 [/old]" in shown.output
    assert "[anna].csv" in shown.output


def test_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    paths = []
    for reviewer, verdict in (("anna", "accept"), ("ben", "reject")):
        paths.append(str(tmp_path / f"{reviewer}\x1b[2J.csv"))
        decisions.write(Path(paths[-1]), [decision("1", verdict, reviewer)._replace(id="1\x1b[2J\u202e")])
    output = CliRunner(env={"COLUMNS": "400"}).invoke(app, ["labels", "compare", *paths]).output
    assert "\\x1b" in output
    assert not {"\x1b", "\u202e"} & set(output)


def test_compare_shows_whole_names_in_a_narrow_terminal(files: tuple[Path, Path]) -> None:
    for path in files:
        path.write_text(path.read_text().replace("2,gender", "000002_female_Asian_46,gender"))
    shown = CliRunner(env={"COLUMNS": "60"}).invoke(app, ["labels", "compare", *map(str, files)])
    first = "".join(line.split("│")[1].strip() for line in shown.output.splitlines() if line.count("│") > 5)
    assert "000002_female_Asian_46" in first


def test_merge_writes_what_agrees_and_leaves_conflicts_open(files: tuple[Path, Path], tmp_path: Path) -> None:
    merged, fixes = tmp_path / "merged.csv", tmp_path / "fixes.csv"
    options = ["--decisions", str(merged), "--fixes", str(fixes)]
    done = CliRunner().invoke(app, ["labels", "merge", *map(str, files), *options])
    assert done.exit_code == 1
    assert "2 conflicts are open" in done.output
    assert [(one.id, one.verdict, one.reviewer) for one in decisions.read(merged)] == [
        ("1", "accept", "anna and ben"),
        ("4", "unsure", "ben"),
    ]
    assert fixes.read_text().splitlines()[1:] == ["1,gender,female,male,review,anna and ben,2026-11-21T10:00:00+00:00"]


def test_an_earlier_merge_is_not_overwritten(files: tuple[Path, Path]) -> None:
    before = files[0].read_bytes()
    result = CliRunner().invoke(app, ["labels", "merge", *map(str, files), "--decisions", str(files[0])])
    assert "already exists" in str(result.exception)
    assert files[0].read_bytes() == before


def test_a_file_that_decides_twice_is_not_merged(files: tuple[Path, Path]) -> None:
    decisions.write(files[1], [*BEN, BEN[0]])
    result = CliRunner().invoke(
        app, ["labels", "merge", *map(str, files), "--decisions", str(files[0].with_name("m.csv"))]
    )
    assert isinstance(result.exception, InputError)
    assert "row 6: gender of 1 is already decided in row 2" in str(result.exception)
