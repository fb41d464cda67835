"""Tables are read as written, and faulty cells are named by row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats import tables
from pipeline.foundation.errors import InputError

COLUMNS: dict[str, tables.Kind] = {"name": "text", "count": "integer", "share": "number"}
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(TEXT, st.integers(-(2**53), 2**53), FLOATS), min_size=1))
def test_a_table_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, float]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.csv"
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    tables.write(table, path)
    back = tables.read(path, COLUMNS)
    assert back["name"].tolist() == table["name"].tolist()
    assert back["count"].tolist() == table["count"].tolist()
    assert np.array_equal(back["share"].to_numpy(np.float32), table["share"].to_numpy(np.float32))


def test_the_same_table_is_the_same_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "share": [1 / 3, 1e-9]}, index=[7, 3])
    tables.write(table, tmp_path / "new" / "one.csv")
    tables.write(table.reset_index(drop=True), tmp_path / "two.csv")
    assert (tmp_path / "new" / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (tmp_path / "two.csv").read_bytes() == b"name,share\na,0.333333333\nb,1e-09\n"


def test_text_stays_text(tmp_path: Path) -> None:
    table = tables.read(written(tmp_path, "name\n000012\nNA\nnull\n1.50\n"), {"name": "text"})
    assert table["name"].tolist() == ["000012", "NA", "null", "1.50"]


def test_an_empty_cell_is_empty_text(tmp_path: Path) -> None:
    assert tables.read(written(tmp_path, "name,note\nx,\n"), {"note": "text"})["note"].tolist() == [""]


def test_columns_beyond_those_asked_for_are_kept_as_text(tmp_path: Path) -> None:
    table = tables.read(written(tmp_path, "count,other\n1,2\n"), {"count": "integer"})
    assert (table["count"].tolist(), table["other"].tolist()) == ([1], ["2"])


def test_columns_beyond_those_asked_for_may_be_of_one_kind(tmp_path: Path) -> None:
    table = tables.read(written(tmp_path, "name,a,b\n01,1,0.5\n"), {"name": "text"}, others="number")
    assert table.iloc[0].tolist() == ["01", 1, 0.5]


def test_a_spreadsheet_s_mark_line_ends_and_last_blank_lines_are_no_content(tmp_path: Path) -> None:
    table = tables.read(written(tmp_path, "\ufeffname,count\r\nx,1\r\n\r\n"), {"name": "text", "count": "integer"})
    assert table.to_dict("list") == {"name": ["x"], "count": [1]}


def test_blank_lines_are_skipped_and_the_index_counts_them(tmp_path: Path) -> None:
    table = tables.read(written(tmp_path, "name,count,share\n\na,1,2\n  \n,,\nb,3,4\n\n"), COLUMNS)
    assert table["name"].tolist() == ["a", "b"]
    assert (table.index + 2).tolist() == [3, 6]


def test_an_empty_cell_of_a_single_column_is_a_row(tmp_path: Path) -> None:
    assert tables.read(written(tmp_path, 'name\n""\nx\n'), {"name": "text"})["name"].tolist() == ["", "x"]


def test_a_repeated_cell_is_named_by_its_row_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 5: name 'a'"):
        tables.read(written(tmp_path, "name\na\n\n\na\n"), {"name": "text"}, unique="name")


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    table = tables.read(written(tmp_path, "name,count,share\n"), COLUMNS)
    assert table.empty
    assert table["count"].dtype == np.int64


def test_all_cells_of_the_wrong_kind_are_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "name,count,share\na,1,x\nb,1.5,2\nc,,inf\nd,99999999999999999999,nan\ne,3,4\n")
    with pytest.raises(InputError) as error:
        tables.read(path, COLUMNS)
    assert str(error.value).splitlines()[1:] == [
        "  row 3: count '1.5'",
        "  row 4: count ''",
        "  row 5: count '99999999999999999999'",
        "  row 2: share 'x'",
        "  row 4: share 'inf'",
        "  row 5: share 'nan'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; not even a header"),
        ("\n\n", "empty; not even a header"),
        ("name\nx\n", "column count, share is missing; the file has name"),
        ("name;count;share\n", "column name, count, share is missing"),
        ("name,name,count,share\n", "duplicate column: name"),
        ("name,count,share\na,1,2,3\n", "row 2: 4 cells"),
        ("name,count,share\na,1,2\nb,1\n", "row 3: 2 cells"),
        ("\nname,count,share\na,1,2\n", "row 1 is blank; the header must be there"),
        ('name,count,share\n"a,1,2\n', "not a CSV table"),
        (b"\xff\xfe", "not a CSV table: it is UTF-16; save it as UTF-8"),
        ("\ud55c\uae00,count,share\n".encode("cp949"), "perhaps CP949 (Korean Windows); save it as UTF-8"),
        (b"\xff\xff,count", "byte 0 is not UTF-8; save it as UTF-8"),
        (b"PK\x03\x04\xff", "it is an Excel file; save it as CSV UTF-8"),
        ("name;count;share\n", "the file has name;count;share (separated by ';'; save it with commas)"),
        (
            "name, count,Share\n",
            "the file has name, ' count', Share (' count' is not count: blanks; 'Share' is not share: ",
        ),
        (
            ",name,count\n0,a,1\n",
            "a column without a name holds saved row numbers: delete it, or save with index=False",
        ),
        ("name,count,share\n\na,1,2\n\nb,x,2\n", "row 5: count 'x'"),
        ("name,count,share\na,1,2\n\0\0\0", "row 3: 1 cell; it has NUL bytes, remove them"),
        ("name\tcount\tshare\n", r"separated by '\t'; save it with commas"),
        ('"name";"count";"share"\n"a";"1";"2"\n', "not a CSV table: it is separated by ';'; save it with commas"),
        (
            "name,count\n".encode("utf-16-le"),
            "not a CSV table: its header has NUL bytes, as UTF-16 has; save it as UTF-8",
        ),
        (
            "name,count\n".encode("utf-16-be"),
            "not a CSV table: its header has NUL bytes, as UTF-16 has; save it as UTF-8",
        ),
        ("name, count, share\n", "(' count', ' share' are not count, share: blanks; correct the header)"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        tables.read(written(tmp_path, text), COLUMNS)
    assert message in str(error.value)
    assert "table.csv" in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: no such file"):
        tables.read(tmp_path / "absent.csv", COLUMNS)


def test_types_are_inferred_from_what_is_read_last_blank_cells_or_not(tmp_path: Path) -> None:
    (tmp_path / "epochs.csv").write_text("epoch,train_loss\n1,2.0\n2,\n,,,,")
    found = tables.infer(tmp_path / "epochs.csv")
    assert found["epoch"].tolist() == [1, 2]
    assert found["train_loss"].tolist()[0] == 2.0
    assert found["train_loss"].isna().tolist() == [False, True]
