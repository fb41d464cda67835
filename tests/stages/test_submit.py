"""submit: info.csv with predictions, checked, and scored where the answers are known."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.schema.schema import SCHEMA
from pipeline.stages.submit import check, submit

PHOTOS = [f"{number:040x}.jpg" for number in (7, 3, 9, 1)]
CODES = [0, 17, 4, 4]


class Competition:
    """A data set without photos, predictions for it, and where the results go."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.probabilities, self.labels = root / "eval_probabilities.parquet", root / "labels.parquet"
        self.submission, self.metrics = root / "submission.csv", root / "submission.json"
        self.shares = root / "shares.csv"
        self.info(PHOTOS)
        self.predict(PHOTOS, CODES)
        row = {"path": "p/normal.jpg", "person": "p", "mask": "normal", "gender": "male", "age": 44, "corrected": ""}
        tables.write(pd.DataFrame([row]), self.labels)

    def info(self, photos: Sequence[str]) -> None:
        tables.write(pd.DataFrame({"ImageID": photos, "ans": 0}), self.root / "eval" / "info.csv")

    def answer(self, photos: Sequence[str], codes: Sequence[int]) -> None:
        tables.write(pd.DataFrame({"ImageID": photos, "ans": codes}), self.root / "eval" / "answers.csv")

    def predict(self, photos: Sequence[str], codes: Sequence[int]) -> None:
        table = pd.DataFrame((np.eye(SCHEMA.classes) + 0.1)[list(codes)], columns=SCHEMA.class_names)
        table.insert(0, "path", photos)
        tables.write(table, self.probabilities)

    def submit(self) -> dict[str, float]:
        submit(self.root, self.probabilities, self.labels, self.submission, self.shares, self.metrics)
        scores: dict[str, float] = json.loads(self.metrics.read_text())
        return scores


@pytest.fixture
def competition(tmp_path: Path) -> Competition:
    return Competition(tmp_path)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_rows_keep_the_order_of_info_whatever_the_order_of_the_predictions(
    competition: Competition, order: list[int]
) -> None:
    competition.predict([PHOTOS[i] for i in order], [CODES[i] for i in order])
    competition.submit()
    rows = "".join(f"{photo},{code}\n" for photo, code in zip(PHOTOS, CODES, strict=True))
    assert competition.submission.read_text() == f"ImageID,ans\n{rows}"


def test_class_shares_are_written_and_printed_beside_those_of_train(
    competition: Competition, capsys: pytest.CaptureFixture[str]
) -> None:
    assert competition.submit() == {"photos": 4}
    shares = pd.read_csv(competition.shares)
    assert shares.loc[shares["of"] == "class", "value"].to_list() == SCHEMA.class_names
    assert shares.groupby("of")[["submission", "train"]].sum().to_numpy() == pytest.approx(1)
    assert shares.set_index("value").loc["worn female 30-59", "submission"] == 0.5
    lines = capsys.readouterr().out.splitlines()
    printed = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert ["worn female 30-59", "2", "50.0%", "0.0%"] in printed
    assert ["normal male 30-59", "0", "0.0%", "100.0%"] in printed
    assert ["female", "3", "75.0%", "0.0%"] in printed


def test_known_answers_score_the_submission(competition: Competition, capsys: pytest.CaptureFixture[str]) -> None:
    competition.answer(PHOTOS[::-1], [4, 4, 17, 1])
    score = competition.submit()
    assert score["accuracy"] == 0.75
    assert score["macro_f1"] == pytest.approx(2 / SCHEMA.classes, abs=1e-6)
    assert score["age_accuracy"] == 0.75
    assert score["mask_macro_f1"] == pytest.approx(2 / 3, abs=1e-6)
    assert "0.7500" in capsys.readouterr().out


def test_the_same_predictions_are_the_same_bytes(competition: Competition) -> None:
    competition.submit()
    first = competition.submission.read_bytes(), competition.metrics.read_bytes()
    competition.submit()
    assert first == (competition.submission.read_bytes(), competition.metrics.read_bytes())


def test_photos_without_a_prediction_and_predictions_without_a_photo_are_named(competition: Competition) -> None:
    competition.predict([*PHOTOS[:3], "stranger.jpg"], CODES)
    with pytest.raises(InputError) as error:
        competition.submit()
    assert f"no row for {PHOTOS[3]}" in str(error.value)
    assert "stranger.jpg" in str(error.value)
    assert not competition.submission.exists()


@pytest.mark.parametrize(
    ("codes", "fault"), [([0, 18, 2, -1], "row 3: ans 18 is not a class 0..17"), ([0, 1, 2], "no row for 0000")]
)
def test_wrong_answers_are_named(competition: Competition, codes: list[int], fault: str) -> None:
    competition.answer(PHOTOS[: len(codes)], codes)
    with pytest.raises(InputError, match=rf"answers\.csv[\s\S]*{fault}"):
        competition.submit()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ImageID,ans\nb,1\na,0\n", "not in the order of info.csv"),
        ("ImageID,ans\na,1\n", "no row for b"),
        ("ImageID,ans\na,1\na,1\nb,2\n", "2 rows for a"),
        ("ImageID,ans\na,1\nb,18\n", "row 3: ans 18 is not a class"),
        ("ImageID,ans\na,1\nb,x\n", "row 3: ans 'x'"),
        ("ans,ImageID\n1,a\n2,b\n", "columns"),
        (",ImageID,ans\n0,a,1\n1,b,2\n", "columns"),
    ],
)
def test_what_makes_a_submission_invalid_is_named(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "submission.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=fault):
        check(path, pd.DataFrame({"ImageID": ["a", "b"], "ans": ["0", "0"]}))


def test_a_photo_that_info_lists_twice_is_refused(competition: Competition) -> None:
    competition.info([*PHOTOS, PHOTOS[0]])
    with pytest.raises(InputError, match=f"2 rows for {PHOTOS[0]}"):
        competition.submit()
