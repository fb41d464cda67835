"""members: all that are named are there, and no others."""

from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.modeling import members
from pipeline.modeling.members import Member


def trained(member: Member) -> Member:
    member.folder.mkdir(parents=True)
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


def test_trainings_that_params_do_not_name_are_removed_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, fold, refit, second, model = (
        trained(member)
        for member in (
            Member(tmp_path, "age", 0),
            Member(tmp_path, "age", 4),
            Member(tmp_path, "age"),
            Member(tmp_path, "age", 0, pseudo_labelled=True),
            Member(tmp_path, "old", 0),
        )
    )
    (tmp_path / ".gitignore").touch()
    members.remove_leftovers(tmp_path, {kept.folder, Member(tmp_path, "age", 1).folder})
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [
        tmp_path / ".gitignore",
        kept.epochs,
        kept.eval,
        kept.out_of_fold,
        kept.weights,
    ]
    assert not (tmp_path / "old").exists()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(member.folder) for member in (fold, second, refit, model)]
    assert all("DVC's cache keeps it" in line for line in lines)


def test_nothing_that_is_no_training_is_ever_removed(tmp_path: Path) -> None:
    left = trained(Member(tmp_path, "age", 4))
    strangers = [tmp_path / "age" / "notes.txt", tmp_path / "holiday" / "beach.jpg"]
    for path in strangers:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with pytest.raises(InputError, match="only trainings belong here") as error:
        members.remove_leftovers(tmp_path, set())
    assert all(str(path) in str(error.value) for path in strangers)
    assert left.weights.exists()


def test_weights_in_the_wrong_place_never_take_trainings_below_them_along(tmp_path: Path) -> None:
    kept = trained(Member(tmp_path, "age", 0))
    (tmp_path / "age" / members.WEIGHTS).touch()
    members.remove_leftovers(tmp_path, {kept.folder})
    assert kept.weights.exists()
    assert not (tmp_path / "age" / members.WEIGHTS).exists()


def test_a_folder_that_was_never_made_has_no_leftovers(tmp_path: Path) -> None:
    members.remove_leftovers(tmp_path / "models", set())
