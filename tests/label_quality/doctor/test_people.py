"""people: findings on ids, folder names and ages, each with its people's photos."""

from pathlib import Path

import pytest

from pipeline.label_quality.doctor.findings import Finding
from pipeline.label_quality.doctor.people import AGES, IDS, NAMES, find
from tests.support.dataset import HEADER, row


@pytest.fixture
def persons() -> list[str]:
    """Folders of 200 people whose ages come in no order."""
    return [f"{number:06d}_male_Asian_{20 + number * 17 % 41}" for number in range(200)]


def found(root: Path, rows: list[str]) -> list[Finding]:
    (root / "train").mkdir(exist_ok=True)
    (root / "train" / "train.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    paths = [f"train/images/{line.split(',')[-1]}/{stem}.jpg" for line in rows for stem in ("mask1", "normal")]
    return list(find(root, paths))


def test_ordinary_people_are_not_shown(tmp_path: Path, persons: list[str]) -> None:
    assert found(tmp_path, list(map(row, persons))) == []


def test_an_id_of_two_people_shows_both_faces(tmp_path: Path, persons: list[str]) -> None:
    twin = "000007_female_Asian_41"
    (finding,) = found(tmp_path, [*map(row, persons), row(twin)])
    assert finding.check is IDS
    assert finding.text == f"id 000007 belongs to 2 people: {persons[7]}, {twin}"
    assert finding.photos == (f"train/images/{persons[7]}/normal.jpg", f"train/images/{twin}/normal.jpg")


def test_a_suffix_makes_an_id_of_its_own(tmp_path: Path, persons: list[str]) -> None:
    assert found(tmp_path, [*map(row, persons), row("000007-1_female_Asian_41")]) == []


@pytest.mark.parametrize(
    ("id_", "text"), [("990007", "far from the others"), ("x7", "is not a number"), ("٣", "not a number")]
)
def test_an_id_unlike_the_others_is_shown(tmp_path: Path, persons: list[str], id_: str, text: str) -> None:
    person = f"{id_}_female_Asian_41"
    (finding,) = found(tmp_path, [*map(row, persons), row(person)])
    assert finding.check is IDS
    assert text in finding.text
    assert person in finding.text


@pytest.mark.parametrize("part", [slice(0, 20), slice(150, 200), slice(0, 200, 7)])
def test_a_part_of_a_data_set_has_no_suspicious_ids(tmp_path: Path, persons: list[str], part: slice) -> None:
    last = [f"{number:06d}_male_Asian_41" for number in (595, 596, 599)]
    assert found(tmp_path, list(map(row, [*persons[part], *last]))) == []


def test_a_folder_that_says_something_else_than_its_row_is_shown(tmp_path: Path, persons: list[str]) -> None:
    rows = [f"000000,female,Asian,20,{persons[0]}", *map(row, persons[1:]), "000900,male,Asian,33,anna"]
    names = [finding for finding in found(tmp_path, rows) if finding.check is NAMES]
    assert [finding.text for finding in names] == [f"{persons[0]}: the row has 000000, female, 20"]


def test_suspicious_ages_are_named_by_their_range_of_ids(tmp_path: Path, persons: list[str]) -> None:
    for number in range(100, 108):
        persons[number] = f"{number:06d}_male_Asian_30"
    persons[150] = "000150_male_Asian_3"
    rows = list(map(row, persons))
    texts = [finding.text for finding in found(tmp_path, rows[::-1]) if finding.check is AGES]
    assert texts == [
        "ids 000100 to 000107 (8 people): all are 30",
        "000150_male_Asian_3: age 3, and hardly anyone is within 10 years",
    ]


def test_a_block_of_ids_with_other_ages_is_shown_with_its_people(tmp_path: Path, persons: list[str]) -> None:
    rows = [
        f"{number:06d},male,Asian,{20 + number * 17 % 41 + 50 * (80 <= number < 100)},{person}"
        for number, person in enumerate(persons)
    ]
    (finding,) = [finding for finding in found(tmp_path, rows) if finding.check is AGES]
    assert finding.text.startswith("ids 000080 to 000099 (20 people): mean age ")
    assert finding.photos == tuple(f"train/images/{person}/normal.jpg" for person in persons[80:100])


def test_a_table_that_cannot_be_read_shows_nobody(tmp_path: Path) -> None:
    assert list(find(tmp_path, [])) == []
    assert found(tmp_path, ["1,male,Asian,abc,a"]) == []
