"""The synthetic data set has the competition's layout, its faults, and a truth file that names them."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.schema.schema import SCHEMA, band
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample
from pipeline.synthetic.population import eval_people, train_people

PARAMS = Sample(people=24, eval_people=6, seed=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    sample(root, PARAMS)
    return root


@pytest.fixture(scope="module")
def people(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "train" / "train.csv", dtype={"id": str})


@pytest.fixture(scope="module")
def truth(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "train" / "truth.csv", dtype=str, keep_default_na=False)


def photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def corrected(people: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    people = people.set_index("path")
    for _, fix in truth[truth["field"] != "mask"].iterrows():
        people.loc[fix["id"], fix["field"]] = int(fix["value"]) if fix["field"] == "age" else fix["value"]
    return people


def test_the_same_seed_gives_the_same_bytes_and_touches_nothing_else(data: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("mine")
    sample(tmp_path, PARAMS)
    assert note.read_text() == "mine"
    note.unlink()
    assert digests(tmp_path) == digests(data)


def test_another_seed_gives_other_people() -> None:
    assert train_people(24, 5) == train_people(24, 5) != train_people(24, 6)
    assert eval_people(6, 5) == eval_people(6, 5) != eval_people(6, 6)


def test_folders_are_the_paths_of_train_csv(data: Path, people: pd.DataFrame) -> None:
    assert list(people.columns) == ["id", "gender", "race", "age", "path"]
    assert sorted(folder.name for folder in (data / "train" / "images").iterdir()) == sorted(people["path"])
    for row in people.itertuples():
        assert row.path == f"{row.id}_{row.gender}_{row.race}_{row.age}"


def test_every_person_has_seven_photos_of_the_published_size(data: Path, people: pd.DataFrame) -> None:
    assert len(people) == PARAMS.people
    for person in people["path"]:
        files = photos(data / "train" / "images" / person)
        assert sorted(file.stem for file in files) == sorted(MASK_OF_STEM)
        with Image.open(files[0]) as photo:
            assert (photo.size, photo.mode) == ((384, 512), "RGB")


def test_suffixes_vary_as_in_real_data(data: Path, people: pd.DataFrame) -> None:
    suffixes = [{file.suffix for file in photos(data / "train" / "images" / path)} for path in people["path"]]
    for kind in ({".jpg"}, {".png"}, {".jpeg"}, {".jpg", ".jpeg"}):
        assert kind in suffixes


def test_a_suffix_tells_the_format(data: Path) -> None:
    for path in (data / "train" / "images").glob("*/normal.*"):
        with Image.open(path) as photo:
            assert photo.format == ("PNG" if path.suffix == ".png" else "JPEG")


def test_apple_double_files_lie_among_the_photos(data: Path) -> None:
    doubles = sorted((data / "train" / "images").glob("*/._*"))
    assert doubles
    assert all((double.parent / double.name.removeprefix("._")).exists() for double in doubles)
    assert all(double.read_bytes().startswith(bytes.fromhex("00051607")) for double in doubles)


def test_one_id_is_used_by_two_people_and_one_has_a_suffix(people: pd.DataFrame) -> None:
    assert people["id"].duplicated().sum() == 1
    assert people["path"].is_unique
    assert people["id"].str.fullmatch(r"\d{6}-1").sum() == 1
    assert people["id"].str.fullmatch(r"\d{6}(-1)?").all()


def test_labels_have_every_gender_and_age_band_and_nobody_beyond_60(people: pd.DataFrame) -> None:
    cells = set(zip(people["gender"], band(people["age"].to_numpy()), strict=True))
    assert len(cells) == 6
    assert people["age"].between(18, 60).all()


@pytest.mark.parametrize("count", [24, 90])
def test_the_rare_cells_hold_at_least_four_people(count: int) -> None:
    cells = Counter((person.gender, int(band(person.age))) for person in train_people(count, 1))
    assert cells.total() == count
    assert len(cells) == 6
    assert min(cells.values()) >= 4


def test_truth_names_the_label_errors(people: pd.DataFrame, truth: pd.DataFrame) -> None:
    assert list(truth.columns) == ["id", "field", "was", "value", "source"]
    assert set(truth["field"]) == {"gender", "age", "mask"}
    assert set(truth["source"]) == {"sample"}
    labels = people.astype(str).set_index("path").to_dict("index")
    for fix in truth.to_dict("records"):
        if fix["field"] == "mask":
            assert (fix["was"], fix["value"]) == ("", "swap normal incorrect_mask")
        else:
            assert labels[fix["id"]][fix["field"]] == fix["was"] != fix["value"]


def test_each_wrong_person_is_wrong_once(truth: pd.DataFrame) -> None:
    assert truth["id"].is_unique


def test_corrections_change_age_bands_and_lose_no_class(people: pd.DataFrame, truth: pd.DataFrame) -> None:
    fixed = corrected(people, truth)
    ages = truth[truth["field"] == "age"]
    assert (band(ages["was"].astype(int).to_numpy()) != band(ages["value"].astype(int).to_numpy())).all()
    assert len(set(zip(fixed["gender"], band(fixed["age"].to_numpy()), strict=True))) == 6


def test_eval_rows_are_the_eval_photos_in_shuffled_order(data: Path) -> None:
    info = pd.read_csv(data / "eval" / "info.csv")
    assert list(info.columns) == ["ImageID", "ans"]
    assert set(info["ans"]) == {0}
    assert sorted(info["ImageID"]) == [path.name for path in photos(data / "eval" / "images")]
    assert info["ImageID"].str.fullmatch(r"[0-9a-f]{40}\.jpg").all()
    assert not info["ImageID"].is_monotonic_increasing


def test_answers_fit_info_and_show_five_worn_one_incorrect_one_normal(data: Path) -> None:
    answers, info = (pd.read_csv(data / "eval" / name) for name in ("answers.csv", "info.csv"))
    assert list(answers["ImageID"]) == list(info["ImageID"])
    assert answers["ans"].between(0, SCHEMA.classes - 1).all()
    worn, incorrect, normal = np.bincount(SCHEMA.decode(answers["ans"].to_numpy())["mask"])
    assert (worn, incorrect, normal) == (5 * PARAMS.eval_people, PARAMS.eval_people, PARAMS.eval_people)


def test_eval_has_every_class(data: Path) -> None:
    assert set(pd.read_csv(data / "eval" / "answers.csv")["ans"]) == set(range(SCHEMA.classes))


def test_eval_is_shifted_to_men_and_to_the_old() -> None:
    train = [(person.gender, person.age) for person in train_people(90, 0)]
    shifted = eval_people(90, 0)
    for people, male, old in ((train, 0.39, 0.09), (shifted, 0.6, 0.27)):
        assert np.mean([gender == "male" for gender, _ in people]) == pytest.approx(male, abs=0.03)
        assert np.mean([age >= 60 for _, age in people]) == pytest.approx(old, abs=0.03)
    assert max(age for _, age in shifted) > 60
