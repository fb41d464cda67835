"""same_people: people who share photos become a list that keeps them in one fold."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.dataset import same_people as lists
from pipeline.formats import tables
from pipeline.label_quality.doctor import diagnose, same_people
from tests.support.dataset import PEOPLE, DataSet


def pairs(data: DataSet) -> list[tuple[str, str]]:
    return [(person, other) for person, other in same_people.table(diagnose(data.root)).to_numpy()]


def test_people_who_share_a_file_or_a_near_duplicate_are_listed_with_the_first_of_them(data: DataSet) -> None:
    one, two, three, four = PEOPLE
    shutil.copy(data.images / three / "normal.png", data.images / one / "normal.png")
    Image.open(data.images / two / "mask1.png").resize((144, 192)).save(data.images / four / "mask1.png")
    assert pairs(data) == [(three, one), (four, two)]


def test_people_whom_an_eval_photo_connects_are_listed(data: DataSet) -> None:
    for person in PEOPLE[:2]:
        shutil.copy(data.root / "eval" / "images" / "b.png", data.images / person / "mask3.png")
    assert pairs(data) == [(PEOPLE[1], PEOPLE[0])]


def test_nobody_is_listed_for_photos_of_one_person(data: DataSet) -> None:
    shutil.copy(data.images / PEOPLE[0] / "mask1.png", data.images / PEOPLE[0] / "normal.png")
    shutil.copy(data.images / PEOPLE[0] / "mask2.png", data.root / "eval" / "images" / "b.png")
    assert pairs(data) == []


@pytest.mark.parametrize("shared", [True, False])
def test_the_doctor_writes_a_list_that_split_reads(data: DataSet, tmp_path: Path, shared: bool) -> None:
    if shared:
        shutil.copy(data.images / PEOPLE[3] / "mask1.png", data.images / PEOPLE[0] / "mask1.png")
    arguments = ["doctor", "--data", str(data.root), "--same-people", str(tmp_path / "twice.csv")]
    CliRunner().invoke(app.app, arguments, catch_exceptions=False)
    found = lists.read(tmp_path, ["twice"], tables.read(data.table, {"path": "text"})["path"])
    assert found == ([(PEOPLE[3], PEOPLE[0])] if shared else [])
