"""members: every named member is there; others are ignored."""

from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.modeling import members
from pipeline.modeling.members import Member


def trained(member: Member) -> Member:
    member.folder.mkdir(parents=True)
    member.predictions.mkdir(parents=True)
    member.weights.write_bytes(member.name.encode())
    member.out_of_fold.touch()
    member.eval.touch()
    member.epochs.touch()
    return member


def test_members_are_known_by_name(tmp_path: Path) -> None:
    for member, name in (
        (Member(tmp_path, "age", 1), "age-1"),
        (Member(tmp_path, "age"), "age-refit"),
        (Member(tmp_path, "age", 1, pseudo_labelled=True), "age-pseudo_label-1"),
    ):
        assert member.name == name


def test_every_file_that_members_lack_is_named_at_once(tmp_path: Path) -> None:
    first, second, third, refit = (Member(tmp_path, "age", fold) for fold in (0, 1, 2, None))
    trained(first)
    trained(second).out_of_fold.unlink()
    with pytest.raises(InputError, match="dvc repro") as error:
        members.require([first, second, third, refit])
    named = [line.strip() for line in str(error.value).splitlines()[1:]]
    never = [file for member in (third, refit) for file in (member.weights, member.eval, member.epochs)]
    assert named == [str(file) for file in (second.out_of_fold, *never[:3], third.out_of_fold, *never[3:])]


def test_leftover_trainings_are_reported_and_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, *leftovers = (
        trained(member)
        for member in (
            Member(tmp_path, "age", 0),
            Member(tmp_path, "age", 4),
            Member(tmp_path, "age", 0, pseudo_labelled=True),
            Member(tmp_path, "age"),
            Member(tmp_path, "old", 0),
        )
    )
    members.warn_of_leftovers(tmp_path, {kept.folder, Member(tmp_path, "age", 1).folder})
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["WARNING", str(member.folder)] for member in leftovers]
    assert all(member.weights.exists() for member in leftovers)


def test_a_folder_that_was_never_made_has_no_leftovers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members.warn_of_leftovers(tmp_path / "models", set())
    assert not capsys.readouterr().err
