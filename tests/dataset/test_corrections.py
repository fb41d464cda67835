"""Every correction applies exactly once, or is named by file and row."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.corrections import SWAP, Fix, apply, match, read
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.foundation.errors import InputError
from pipeline.schema import label_table

PUBLISHED = Path(__file__).parents[2] / "fixes"
PEOPLE = (("000001", "female", 30), ("000002", "male", 59), ("000002", "male", 60), ("000003-1", "female", 18))
TWINS = ("000002_male_Asian_59", "000002_male_Asian_60")
FIRST = "000001_female_Asian_30"


def photos() -> pd.DataFrame:
    rows = [
        (f"{identity}_{gender}_Asian_{age}/{stem}.jpg", identity, f"{identity}_{gender}_Asian_{age}", mask, gender, age)
        for identity, gender, age in PEOPLE
        for stem, mask in MASK_OF_STEM.items()
    ]
    return pd.DataFrame(rows, columns=["path", "id", "person", "mask", "gender", "age"])


def fixes(*rows: str, file: str = "some.csv") -> list[Fix]:
    """Fixes of rows written as in a file."""
    return [Fix(Path(file), number, *row.split(",")) for number, row in enumerate(rows, start=2)]


def mismatches(given: Sequence[Fix]) -> list[tuple[int, str]]:
    corrections, found = match(given, photos())
    assert len({mismatch.fix for mismatch in found}) == len(found)
    assert not {mismatch.fix for mismatch in found} & set(corrections.values())
    return [(mismatch.fix.row, mismatch.kind) for mismatch in found]


def corrected(given: Sequence[Fix]) -> pd.DataFrame:
    corrections, found = match(given, photos())
    assert found == []
    return apply(corrections, photos())


def changes(labels: pd.DataFrame) -> dict[str, str]:
    changed = labels[labels["corrected"] != ""]
    return dict(zip(changed["path"], changed["corrected"], strict=True))


def test_without_fixes_the_labels_are_those_of_the_photos() -> None:
    labels = corrected([])
    assert list(labels.columns) == list(label_table.COLUMNS)
    assert labels.drop(columns="corrected").equals(photos().drop(columns="id"))
    assert changes(labels) == {}


def test_gender_and_age_are_corrected_on_all_seven_photos_of_the_person_and_nobody_else() -> None:
    labels = corrected(fixes("000001,gender,female,male", "000001,age,30,29"))
    assert set(labels.loc[labels["person"] == FIRST, "gender"]) == {"male"}
    assert set(labels.loc[labels["person"] == FIRST, "age"]) == {29}
    assert changes(labels) == {f"{FIRST}/{stem}.jpg": "gender: female -> male; age: 30 -> 29" for stem in MASK_OF_STEM}


def test_a_swap_exchanges_the_masks_of_two_photos() -> None:
    labels = corrected(fixes(f"000001,mask,,{SWAP}"))
    assert changes(labels) == {
        f"{FIRST}/normal.jpg": "mask: normal -> incorrect",
        f"{FIRST}/incorrect_mask.jpg": "mask: incorrect -> normal",
    }
    masks = dict(zip(labels["path"], labels["mask"], strict=True))
    assert (masks[f"{FIRST}/normal.jpg"], masks[f"{FIRST}/incorrect_mask.jpg"]) == ("incorrect", "normal")


def test_an_id_with_a_suffix_and_a_path_name_one_person() -> None:
    labels = corrected(fixes("000003-1,gender,female,male", f"{TWINS[1]},age,60,59"))
    assert {path.split("/")[0] for path in changes(labels)} == {"000003-1_female_Asian_18", TWINS[1]}


@pytest.mark.parametrize("identity", ["000003", "1", "000001-1", "", "000001_female_Asian_31", "000002_male"])
def test_an_id_of_nobody_is_unmatched(identity: str) -> None:
    assert mismatches(fixes(f"{identity},gender,female,male")) == [(2, "unmatched")]


def test_an_id_of_two_people_is_ambiguous_and_both_are_named() -> None:
    _, (mismatch,) = match(fixes("000002,gender,male,female"), photos())
    assert str(mismatch) == (
        f"some.csv, row 2: id '000002' is used by {TWINS[0]} and {TWINS[1]}; use one of these paths instead (ambiguous)"
    )


def test_a_label_that_was_another_is_different() -> None:
    _, (mismatch,) = match(fixes("000001,age,31,29"), photos())
    assert str(mismatch) == "some.csv, row 2: age of 000001 is 30, not 31 (different)"


def test_a_value_that_is_already_there_is_named() -> None:
    assert mismatches(fixes("000001,gender,male,female", f"{FIRST},age,29,30")) == [(2, "already"), (3, "already")]


def test_of_rows_that_disagree_none_applies() -> None:
    rows = fixes("000001,age,30,29", f"{FIRST},age,30,31", "000001,gender,female,male")
    corrections, (first, second) = match(rows, photos())
    assert str(first) == "some.csv, row 2: age of 000001 becomes 29, but 31 by some.csv, row 3 (conflicting)"
    assert second.kind == "conflicting"
    assert list(corrections) == [(FIRST, "gender")]


def test_a_correction_and_its_reverse_disagree() -> None:
    rows = fixes("000001,gender,female,male", "000001,gender,male,female")
    assert mismatches(rows) == [(2, "conflicting"), (3, "conflicting")]


def test_files_that_agree_make_one_correction() -> None:
    once = fixes("000001,gender,female,male", f"000001,mask,,{SWAP}", file="a.csv")
    again = fixes(f"{FIRST},mask,,{SWAP}", f"{FIRST},gender,female,male", file="b.csv")
    assert corrected([*once, *again]).equals(corrected(once))


@pytest.mark.parametrize("row", ["000001,gender,female,male", f"000001,mask,,{SWAP}"])
def test_a_row_that_is_twice_in_a_file_is_named_and_applies_once(row: str) -> None:
    rows = fixes(row, row)
    assert mismatches(rows) == [(3, "already")]
    assert list(match(rows, photos())[0].values()) == rows[:1]


ROWS = st.builds(
    Fix,
    file=st.sampled_from([Path("a.csv"), Path("b.csv")]),
    row=st.integers(2, 10_000),
    id=st.sampled_from(["000001", "000002", "000003-1", "nobody", FIRST, *TWINS]),
    field=st.just("age"),
    was=st.sampled_from(["18", "30", "59"]),
    value=st.sampled_from(["18", "29", "60"]),
)


@settings(max_examples=50)
@given(rows=st.lists(ROWS, max_size=8, unique_by=lambda fix: (fix.file, fix.row)), data=st.data())
def test_the_order_of_rows_does_not_matter_and_every_row_is_accounted_for(rows: list[Fix], data: st.DataObject) -> None:
    corrections, found = match(rows, photos())
    shuffled = match(data.draw(st.permutations(rows)), photos())
    assert found == shuffled[1]
    labels = apply(corrections, photos())
    assert labels.equals(apply(shuffled[0], photos()))
    kept = [fix for fix in rows if fix not in {mismatch.fix for mismatch in found}]
    assert {(fix.field, fix.value) for fix in kept} == {(fix.field, fix.value) for fix in corrections.values()}
    assert len(changes(labels)) == 7 * len(corrections)


def write(folder: Path, name: str, *rows: str, header: str = "id,field,was,value,source") -> None:
    (folder / name).write_text("\n".join([header, *rows]) + "\n")


def test_files_are_named_with_or_without_their_extension_and_may_have_more_columns(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,gender,male,female,me")
    write(tmp_path, "b.csv", "noon,2,age,059,060,me", header="time,id,field,was,value,source")
    assert read(tmp_path, ["b", "a.csv", "a"]) == [
        Fix(tmp_path / "b.csv", 2, "2", "age", "59", "60"),
        Fix(tmp_path / "a.csv", 2, "1", "gender", "male", "female"),
    ]


@pytest.mark.parametrize("name", ["c", "../fixes/a", ".csv", "a.txt"])
def test_a_file_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, name: str) -> None:
    write(tmp_path, "a.csv")
    write(tmp_path, "b.csv")
    with pytest.raises(InputError, match=r"no file .*; there are: a, b"):
        read(tmp_path, [name])


def test_a_folder_without_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are: none"):
        read(tmp_path / "missing", ["a"])


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", header="id,field,value,source")
    with pytest.raises(InputError, match=r"a\.csv: column was is missing"):
        read(tmp_path, ["a"])


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("1,race,Asian,other", "field 'race' is none of mask, gender, age"),
        ("1,gender,male,woman", "value 'woman' is neither male nor female"),
        ("1,gender,,male", "was '' is neither male nor female"),
        ("1,age,30,old", "value 'old' is not a number of years"),
        ("1,age,30,121", "value '121' is not a number of years (1 to 120)"),
        ("1,age,30,29.5", "value '29.5' is not a number of years"),
        ("1,age,30,030", "was and value are both 30"),
        ("1,mask,normal,incorrect", f"a correction of mask has no `was` and the value `{SWAP}`"),
        (f"1,mask,normal,{SWAP}", "a correction of mask has no `was`"),
    ],
)
def test_a_row_that_is_no_correction_is_named(tmp_path: Path, row: str, fault: str) -> None:
    write(tmp_path, "a.csv", "1,gender,male,female,me", f"{row},me")
    with pytest.raises(InputError) as error:
        read(tmp_path, ["a"])
    assert f"a.csv, row 3: {fault}" in str(error.value)


def test_rows_that_are_no_correction_are_named_over_all_files(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,age,x,1,me", "1,age,1,y,me")
    write(tmp_path, "b.csv", "1,hat,x,1,me")
    with pytest.raises(InputError) as error:
        read(tmp_path, ["a", "b"])
    assert all(place in str(error.value) for place in ("a.csv, row 2", "a.csv, row 3", "b.csv, row 2"))


@pytest.mark.parametrize(("name", "rows"), [("consensus", 11), ("extended", 22), ("champion", 39)])
def test_the_published_files_are_well_formed(name: str, rows: int) -> None:
    assert len(read(PUBLISHED, [name])) == rows


def test_the_published_files_do_not_contradict_each_other() -> None:
    published = read(PUBLISHED, ["consensus", "extended", "champion"])
    assert len({(fix.id, fix.field) for fix in published}) == len(published)
