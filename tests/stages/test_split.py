"""split: people never cross folds, and every fold has its share of every class."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.dataset.config import Split
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.schema import label_table
from pipeline.schema.schema import SCHEMA
from pipeline.stages.split import split

CELLS = {("male", 25): 7, ("male", 45): 6, ("male", 60): 3, ("female", 25): 11, ("female", 45): 8, ("female", 60): 4}


class Workplace:
    """Labels of people as CELLS has them, and the places of the outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write({**CELLS})

    def write(self, cells: dict[tuple[str, int], int]) -> None:
        people = [cell for cell, number in cells.items() for _ in range(number)]
        rows = [
            (f"{number:03}/{stem}.jpg", f"{number:03}", mask, gender, age, "")
            for number, (gender, age) in enumerate(people)
            for stem, mask in MASK_OF_STEM.items()
        ]
        tables.write(pd.DataFrame(rows, columns=list(label_table.COLUMNS)), self.folder / "labels.parquet")

    def rename(self, people: dict[str, str]) -> None:
        labels = tables.read(self.folder / "labels.parquet", label_table.COLUMNS)
        renamed = labels["person"].replace(people)
        paths = renamed + "/" + labels["path"].str.split("/").str[1]
        tables.write(labels.assign(person=renamed, path=paths), self.folder / "labels.parquet")

    def split(self, **params: object) -> list[bytes]:
        folds, classes, plot = (self.folder / name for name in ("folds.parquet", "classes.csv", "classes.png"))
        split(
            self.folder / "labels.parquet",
            self.folder / "fixes",
            folds,
            classes,
            plot,
            Split.model_validate({"folds": 3} | params),
        )
        return [output.read_bytes() for output in (folds, classes, plot)]

    def folds(self, **params: object) -> pd.DataFrame:
        self.split(**params)
        labels = tables.read(self.folder / "labels.parquet", label_table.COLUMNS)
        folds = tables.read(self.folder / "folds.parquet", tables.FOLDS).rename(columns={"person": "name"})
        return folds.merge(labels, on="path", validate="one_to_one")


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_people_never_cross_folds(workplace: Workplace) -> None:
    folds = workplace.folds()
    assert len(folds[["person", "fold"]].drop_duplicates()) == len(set(folds["person"]))


def test_every_photo_has_one_fold_and_the_order_stays(workplace: Workplace) -> None:
    folds = workplace.folds()
    assert list(folds["path"]) == list(tables.read(workplace.folder / "labels.parquet", label_table.COLUMNS)["path"])
    assert sorted(folds["fold"].unique()) == [0, 1, 2]


def test_every_fold_has_its_share_of_gender_and_age(workplace: Workplace) -> None:
    people = workplace.folds().drop_duplicates("person")
    shares = pd.crosstab([people["gender"], people["age"]], people["fold"])
    assert (shares.max(axis=1) - shares.min(axis=1) <= 1).all()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_folds(workplace: Workplace) -> None:
    first = workplace.split()
    assert workplace.split() == first
    assert workplace.split(seed=1)[0] != first[0]


def test_a_persons_fold_does_not_depend_on_the_order_of_the_rows(workplace: Workplace) -> None:
    before = workplace.folds()
    labels = tables.read(workplace.folder / "labels.parquet", label_table.COLUMNS)
    tables.write(labels[::-1], workplace.folder / "labels.parquet")
    after = workplace.folds()
    assert dict(zip(before["path"], before["fold"], strict=True)) == dict(
        zip(after["path"], after["fold"], strict=True)
    )


def test_folds_by_photo_leak_and_warn(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    folds = workplace.folds(by="photo")
    assert len(folds[["person", "fold"]].drop_duplicates()) > len(set(folds["person"]))
    assert "people stand on both sides of a fold" in capsys.readouterr().err


def test_folds_by_person_are_silent(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    workplace.split()
    assert capsys.readouterr() == ("", "")


def test_the_table_counts_every_class_in_every_fold(workplace: Workplace) -> None:
    workplace.split()
    table = pd.read_csv(workplace.folder / "classes.csv")
    assert len(table) == SCHEMA.classes
    assert list(table.columns) == ["class", "fold 0", "fold 1", "fold 2", "all"]
    assert table["all"].sum() == 7 * sum(CELLS.values())
    assert (table[["fold 0", "fold 1", "fold 2"]].sum(axis=1) == table["all"]).all()


def test_classes_absent_from_a_fold_are_named_with_the_remedy(workplace: Workplace) -> None:
    workplace.write({**CELLS, ("male", 60): 2})
    with pytest.raises(InputError) as error:
        workplace.split()
    lines = str(error.value).splitlines()
    assert "set split.folds below 3" in lines[0]
    assert [line.split("'")[1] for line in lines[1:]] == ["worn male >=60", "incorrect male >=60", "normal male >=60"]
    assert all(line.startswith("  fold ") for line in lines[1:])
    assert not (workplace.folder / "folds.parquet").exists()


def test_two_folds_cannot_be_fewer_so_that_more_people_are_the_only_remedy(workplace: Workplace) -> None:
    workplace.write({**CELLS, ("male", 60): 1})
    with pytest.raises(InputError, match=r"^classes absent from a fold; bring more people \("):
        workplace.split(folds=2)


def test_a_class_without_photos_gives_a_warning(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    workplace.write({**CELLS, ("male", 60): 0})
    workplace.split()
    assert "no train photo is 'worn male >=60'" in capsys.readouterr().err


def test_a_share_of_people_is_held_out_as_fold_0(workplace: Workplace) -> None:
    folds = workplace.folds(validation=0.3).drop_duplicates("person")
    assert (folds["fold"] == 0).sum() == int(0.3 * sum(CELLS.values()))
    assert sorted(folds["fold"].unique()) == [0, 1]
    table = pd.read_csv(workplace.folder / "classes.csv")
    assert list(table.columns) == ["class", "fold 0", "fold 1", "all"]


@pytest.mark.parametrize("validation", [0.1, 0.9])
def test_a_share_leaves_people_of_every_class_on_both_sides(workplace: Workplace, validation: float) -> None:
    workplace.write(dict.fromkeys(CELLS, 2))
    folds = workplace.folds(validation=validation)
    assert (pd.crosstab([folds["gender"], folds["age"]], folds["fold"]) > 0).all(axis=None)


@pytest.mark.parametrize("seed", range(5))
def test_ids_that_differ_by_a_suffix_share_a_fold(workplace: Workplace, seed: int) -> None:
    young_women = range(16, 27)
    workplace.rename({f"{one:03}": f"{one // 3:06}{('', '-1', '-2')[one % 3]}_x" for one in young_women})
    folds = workplace.folds(seed=seed)
    assert folds["person"].str.contains("-2_").any()
    assert folds.assign(id=folds["person"].str[:6]).groupby("id")[["fold", "name"]].nunique().max().tolist() == [1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_people_who_are_listed_as_the_same_share_a_fold(workplace: Workplace, seed: int) -> None:
    (workplace.folder / "fixes").mkdir()
    (workplace.folder / "fixes" / "twice.csv").write_text("person,same_as\n000,020\n020,030\n")
    folds = workplace.folds(seed=seed, same_people=["twice"]).drop_duplicates("person").set_index("person")
    assert folds["fold"]["000"] == folds["fold"]["020"] == folds["fold"]["030"]
    assert folds["name"]["000"] == folds["name"]["020"] == folds["name"]["030"] == "000"
    assert folds["name"].nunique() == len(folds) - 2


def test_a_person_has_one_name_in_folds_of_photos_too(workplace: Workplace) -> None:
    workplace.rename({"001": "000777_x", "002": "000777-1_x"})
    folds = workplace.folds(by="photo")
    assert set(folds.loc[folds["person"].str.startswith("000777"), "name"]) == {"000777-1_x"}


def test_people_of_a_list_who_are_not_in_the_labels_are_named(workplace: Workplace) -> None:
    (workplace.folder / "fixes").mkdir()
    (workplace.folder / "fixes" / "twice.csv").write_text("person,same_as\n000,nobody\n")
    with pytest.raises(InputError, match=r"twice\.csv, row 2: 'nobody' is not in the labels"):
        workplace.split(same_people=["twice"])
    with pytest.raises(InputError, match=r"no file .*thrice\.csv; there are: twice"):
        workplace.split(same_people=["thrice"])
