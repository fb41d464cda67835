"""submission_difference: where two submissions differ, in which attributes, and which is right."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.evaluation import submission_difference
from pipeline.evaluation.submission_difference import Difference
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.schema.schema import SCHEMA

PHOTOS = ["c.jpg", "a.jpg", "d.jpg", "b.jpg"]
codes = st.lists(st.integers(0, SCHEMA.classes - 1), min_size=1, max_size=30)


def write(path: Path, answers: dict[str, int]) -> Path:
    tables.write(pd.DataFrame({"ImageID": list(answers), "ans": list(answers.values())}), path)
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write(tmp_path / "first.csv", dict(zip(PHOTOS, [0, 1, 17, 4], strict=True)))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """The same photos in another order; a.jpg differs by age, b.jpg by mask and gender."""
    return write(
        tmp_path / "second.csv",
        {"a.jpg": 2, "b.jpg": int(SCHEMA.encode({"mask": 1, "gender": 0, "age": 1})), "c.jpg": 0, "d.jpg": 17},
    )


def printed(*arguments: object) -> list[list[str]]:
    """The cells of every printed row."""
    result = CliRunner().invoke(app, ["submit", "diff", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [[cell.strip() for cell in line.strip("│┃").split("│")] for line in result.output.splitlines()]


@given(codes)
def test_every_photo_that_differs_is_listed_with_exactly_the_attributes_that_differ(first: list[int]) -> None:
    second = np.random.default_rng(len(first)).permutation(first)
    rows = Difference([str(number) for number in range(len(first))], np.array(first), second).rows()
    assert len(rows) == (np.array(first) != second).sum()
    for photo, differs in zip(rows["ImageID"].astype(int), rows["differs"], strict=True):
        one, other = SCHEMA.decode(first[photo]), SCHEMA.decode(second[photo])
        assert differs == ",".join(name for name in SCHEMA.names if one[name] != other[name])


def test_submissions_are_compared_photo_by_photo_in_any_order(first: Path, second: Path) -> None:
    rows = submission_difference.read(first, second).rows()
    assert rows.to_numpy().tolist() == [
        ["a.jpg", "worn male 30-59", "worn male >=60", "age"],
        ["b.jpg", "worn female 30-59", "incorrect male 30-59", "mask,gender"],
    ]


def test_shares_agreement_and_differences_are_printed(first: Path, second: Path) -> None:
    rows = printed(first, second)
    assert ["worn male >=60", "0.0%", "25.0%", "25.0%"] in rows
    assert ["incorrect", "0.0%", "25.0%", "25.0%"] in rows
    assert ["18 classes", "2", "50.0%"] in rows
    assert ["age", "3", "75.0%"] in rows
    assert ["mask,gender", "1"] in rows
    assert ["worn male 30-59", "worn male >=60", "1"] in rows


def test_known_answers_score_both_and_show_which_is_right(first: Path, second: Path, tmp_path: Path) -> None:
    answers = write(tmp_path / "answers.csv", {"d.jpg": 17, "c.jpg": 0, "b.jpg": 3, "a.jpg": 2})
    rows = printed(first, second, "--answers", answers, "--csv", tmp_path / "rows.csv")
    assert ["18 classes", "0.1111", "0.5000", "0.1667", "0.7500"] in rows
    assert [row for row in rows if row[0] in ("first", "second", "neither")] == [
        ["first", "0"],
        ["second", "1"],
        ["neither", "1"],
    ]
    assert list(pd.read_csv(tmp_path / "rows.csv")["answer"]) == ["worn male >=60", "worn female <30"]


def test_no_name_of_a_photo_is_a_formula_in_the_table(tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{answer}.csv", {"=1+1.jpg": answer}) for answer in (0, 1))
    printed(one, other, "--csv", tmp_path / "rows.csv")
    assert list(pd.read_csv(tmp_path / "rows.csv")["ImageID"]) == ["'=1+1.jpg"]


def test_equal_submissions_agree_in_everything(first: Path) -> None:
    rows = printed(first, first, "--answers", first)
    assert ["18 classes", "4", "100.0%"] in rows
    assert ["neither", "0"] in rows
    assert not any(row[0].startswith("By ") for row in rows), "no table without a row"


def test_submissions_of_other_photos_are_refused_by_name(first: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.csv", {"a.jpg": 0, "z.jpg": 18})
    with pytest.raises(InputError) as error:
        submission_difference.read(first, other)
    assert f"{other} does not fit {first} (5)" in str(error.value)
    for fault in ("no row for b.jpg", "a row for z.jpg", "row 3: ans 18 is not a class"):
        assert fault in str(error.value)


def test_a_photo_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    twice = tmp_path / "twice.csv"
    twice.write_text("ImageID,ans\na.jpg,1\na.jpg,2\n")
    with pytest.raises(InputError, match=r"2 rows for a\.jpg"):
        submission_difference.read(twice, twice)


def test_submit_alone_is_still_the_stage() -> None:
    result = CliRunner().invoke(app, ["submit"])
    assert result.exit_code == 2
    assert "--data" in result.output
