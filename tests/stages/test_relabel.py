"""Stage relabel: corrections are applied and reported, and the raw data stay unchanged."""

import hashlib
from pathlib import Path

import pytest

from pipeline.dataset.config import Relabel
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.schema import label_table
from pipeline.stages.relabel import relabel
from tests.support.dataset import PEOPLE, DataSet


class Workplace:
    """A data set, a folder of fixes and the place of the labels."""

    def __init__(self, folder: Path) -> None:
        self.data = DataSet(folder / "photos")
        self.fixes, self.labels = folder / "fixes", folder / "data" / "labels.parquet"
        self.fixes.mkdir()
        self.write("good", "000001,gender,female,male", "000003-1,mask,,swap normal incorrect_mask")
        self.write("bad", "000001,age,31,29", "nobody,gender,male,female", "000002,age,60,59")

    def write(self, name: str, *rows: str) -> None:
        lines = ["id,field,was,value,source", *(f"{row},me" for row in rows)]
        (self.fixes / f"{name}.csv").write_text("\n".join(lines) + "\n")

    def relabel(self, **params: object) -> bytes:
        relabel(self.data.root, self.fixes, self.labels, Relabel.model_validate(params))
        return self.labels.read_bytes()

    def raw(self) -> dict[str, str]:
        files = [*self.data.root.rglob("*"), *self.fixes.rglob("*")]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_every_photo_gets_its_label(workplace: Workplace) -> None:
    workplace.relabel()
    labels = tables.read(workplace.labels, label_table.COLUMNS)
    assert list(labels.columns) == list(label_table.COLUMNS)
    assert list(labels["path"]) == sorted(labels["path"])
    assert len(labels) == 7 * len(PEOPLE)
    assert set(labels["corrected"]) == {""}


def test_corrections_are_applied_and_recorded(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    workplace.relabel(fixes=["good"])
    labels = tables.read(workplace.labels, label_table.COLUMNS)
    assert labels.loc[labels["corrected"] != "", "corrected"].value_counts().to_dict() == {
        "gender: female -> male": 7,
        "mask: incorrect -> normal": 1,
        "mask: normal -> incorrect": 1,
    }
    assert "28 photos of 4 people, 9 with a corrected label" in capsys.readouterr().out


def test_running_twice_changes_nothing_and_the_raw_data_stay_untouched(workplace: Workplace) -> None:
    before = workplace.raw()
    first = workplace.relabel(fixes=["good"])
    assert workplace.relabel(fixes=["good"]) == first
    assert workplace.raw() == before


def test_the_order_of_the_files_changes_nothing(workplace: Workplace) -> None:
    workplace.write("more", "000001,age,30,29")
    assert workplace.relabel(fixes=["good", "more"]) == workplace.relabel(fixes=["more", "good"])


def test_all_mismatches_are_named_at_once_and_nothing_is_written(workplace: Workplace) -> None:
    with pytest.raises(InputError) as error:
        workplace.relabel(fixes=["good", "bad"])
    bad = workplace.fixes / "bad.csv"
    kinds = [line.rsplit("(")[-1].rstrip(")") for line in str(error.value).splitlines()[1:]]
    assert kinds == ["different", "unmatched", "ambiguous"]
    assert all(f"{bad}, row {row}: " in str(error.value) for row in (2, 3, 4))
    assert not workplace.labels.exists()


def test_kinds_that_are_not_allowed_are_still_named(workplace: Workplace) -> None:
    with pytest.raises(InputError) as error:
        workplace.relabel(fixes=["bad"], allow=["different", "ambiguous"])
    assert "row 3: id 'nobody' matches nobody (unmatched)" in str(error.value)
    assert "row 2" not in str(error.value)


def test_allowed_kinds_are_skipped_loudly(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    allowed = workplace.relabel(fixes=["good", "bad"], allow=["different", "unmatched", "ambiguous"])
    assert capsys.readouterr().err.splitlines() == [
        f"WARNING: 1 correction skipped, because relabel.allow has '{kind}'"
        for kind in ("ambiguous", "different", "unmatched")
    ]
    assert allowed == workplace.relabel(fixes=["good"])


def test_corrections_of_labels_that_are_already_right_are_named(workplace: Workplace) -> None:
    """The raw data were corrected by hand, and the fixes are still asked for."""
    workplace.data.write_rows([f"000001,male,Asian,30,{PEOPLE[0]}"])
    for person in PEOPLE[1:]:
        (workplace.data.images / person).rename(workplace.data.root / person)
    workplace.write("good", "000001,gender,female,male")
    with pytest.raises(InputError, match=r"row 2: gender of 000001 is already male \(already\)"):
        workplace.relabel(fixes=["good"])


def test_a_broken_data_set_stops_before_anything_is_written(workplace: Workplace) -> None:
    (workplace.data.images / PEOPLE[0] / "normal.png").unlink()
    with pytest.raises(InputError, match="normal missing"):
        workplace.relabel()
    assert not workplace.labels.exists()


def weigh(workplace: Workplace, name: str, *rows: str) -> None:
    (workplace.fixes / f"{name}.csv").write_text("\n".join(["path,weight", *rows]) + "\n")


def test_photos_have_the_product_of_their_weights_beside_their_labels(workplace: Workplace) -> None:
    plain = workplace.relabel()
    first, second = tables.read(workplace.labels, label_table.COLUMNS)["path"][:2]
    weigh(workplace, "unsure", f"{first},0.5", f"{second},0.25")
    weigh(workplace, "blurred", f"{first},0.1")
    workplace.relabel(weights=["unsure", "blurred.csv"])
    weights = tables.read(workplace.labels, {"path": "text", "weight": "number"}).set_index("path")["weight"]
    assert len(weights) == 7 * len(PEOPLE)
    assert weights[weights != 1].to_dict() == {first: 0.05, second: 0.25}
    assert workplace.relabel() == plain


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["nobody.jpg,1"], r"unsure\.csv: wrong weights of photos \(1\):\n  row 2: nobody\.jpg is not in the labels"),
        (["{photo},1", "nobody.jpg,-1"], r"row 3: nobody\.jpg is not in the labels\n  row 3: weight -1 is negative"),
        (["{photo},much"], r"unsure\.csv.*\n.*much"),
        (["{photo},1", "{photo},1"], r"unsure\.csv.*\n.*row 3"),
    ],
)
def test_wrong_weights_of_photos_are_named(workplace: Workplace, rows: list[str], message: str) -> None:
    workplace.relabel()
    photo = tables.read(workplace.labels, label_table.COLUMNS)["path"][0]
    weigh(workplace, "unsure", *(row.format(photo=photo) for row in rows))
    with pytest.raises(InputError, match=message):
        workplace.relabel(weights=["unsure"])


def test_a_file_of_weights_that_is_missing_is_named_with_those_that_there_are(workplace: Workplace) -> None:
    with pytest.raises(InputError, match=r"relabel\.weights: no file .*sure\.csv; there are: bad, good"):
        workplace.relabel(weights=["sure"])
