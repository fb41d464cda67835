"""Parquet tables come back as they were written, are the same bytes, and are refused where they are damaged."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats import parquet, tables
from pipeline.foundation.errors import InputError

COLUMNS: dict[str, tables.Kind] = {"name": "text", "count": "integer", "share": "number"}
TEXT = st.text(st.characters(codec="utf-8"))


def example(rows: int = 5) -> pd.DataFrame:
    names = [f"{row % 3:03}" for row in range(rows)]
    return pd.DataFrame({"name": names, "count": np.arange(rows), "share": np.linspace(0, 1, rows)})


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXT, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)))
)
def test_a_table_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, float]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.parquet"
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"name": "str", "count": "int64", "share": "float64"})
    tables.write(table, path)
    pd.testing.assert_frame_equal(tables.read(path, COLUMNS), table)
    assert tables.count(path) == len(rows)


def test_equal_tables_are_equal_bytes_whatever_their_index_text_type_and_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 4)
    table = example(13)
    paths = [tmp_path / f"{name}.parquet" for name in ("plain", "index", "category", "object", "parts")]
    tables.write(table, paths[0])
    tables.write(table.set_axis(range(13, 0, -1)), paths[1])
    tables.write(table.astype({"name": "category"}), paths[2])
    tables.write(table.astype({"name": "object"}), paths[3])
    tables.write_parts((table[start : start + 3] for start in range(0, 13, 3)), paths[4])
    assert len({path.read_bytes() for path in paths}) == 1
    pd.testing.assert_frame_equal(tables.read(paths[0], COLUMNS), table)


def test_a_file_has_no_time_and_no_trace_of_the_program_beyond_its_format(tmp_path: Path) -> None:
    tables.write(example(), tmp_path / "table.parquet")
    metadata = pq.read_metadata(tmp_path / "table.parquet")
    assert metadata.metadata is None
    assert metadata.created_by == f"parquet-cpp-arrow version {pa.__version__}"


def test_batches_hold_the_wanted_columns_of_a_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 2)
    tables.write(example(), tmp_path / "table.parquet")
    tables.write(example(), tmp_path / "table.csv")
    columns: dict[str, tables.Kind] = {"share": "number", "name": "text"}
    found = list(tables.batches(tmp_path / "table.parquet", columns))
    assert [len(batch) for batch in found] == [2, 2, 1]
    joined = pd.concat(found, ignore_index=True)
    pd.testing.assert_frame_equal(joined, example()[["share", "name"]])
    (whole,) = tables.batches(tmp_path / "table.csv", columns)
    pd.testing.assert_frame_equal(joined, whole)


def test_a_number_may_be_whole_and_other_columns_keep_their_type(tmp_path: Path) -> None:
    tables.write(pd.DataFrame({"share": [1, 2], "landmark": [0.5, np.nan]}), tmp_path / "table.parquet")
    table = tables.read(tmp_path / "table.parquet", {"share": "number"})
    assert table["landmark"].dtype == np.float64
    assert np.isnan(table["landmark"][1])


def test_cells_can_be_changed(tmp_path: Path) -> None:
    tables.write(example(), tmp_path / "table.parquet")
    table = tables.read(tmp_path / "table.parquet", COLUMNS)
    table.loc[0, "name"] = "new"
    table.loc[0, "count"] = 7
    table.loc[0, "share"] = 0.5
    assert table.to_dict("records")[0] == {"name": "new", "count": 7, "share": 0.5}


def test_missing_text_is_empty(tmp_path: Path) -> None:
    tables.write(pd.DataFrame({"name": ["a", None]}), tmp_path / "table.parquet")
    assert tables.read(tmp_path / "table.parquet", {"name": "text"})["name"].tolist() == ["a", ""]


def test_a_column_of_another_kind_is_refused(tmp_path: Path) -> None:
    tables.write(example().astype({"count": "float64"}), tmp_path / "table.parquet")
    with pytest.raises(InputError, match=r"(?s)table\.parquet: columns of another kind.*count: double, not integer"):
        tables.read(tmp_path / "table.parquet", COLUMNS)
    with pytest.raises(InputError, match="name: large_string, not number"):
        tables.read(tmp_path / "table.parquet", {"count": "number"}, others="number")


def test_cells_without_a_value_are_named_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 2)
    table = example()
    table.loc[3, "share"] = np.inf
    tables.write(table, tmp_path / "table.parquet")
    with pytest.raises(InputError, match="row 5: share inf"):
        tables.read(tmp_path / "table.parquet", COLUMNS)
    with pytest.raises(InputError, match="row 5: share inf"):
        list(tables.batches(tmp_path / "table.parquet", COLUMNS))


def test_a_repeated_cell_and_a_missing_column_are_named(tmp_path: Path) -> None:
    tables.write(example(), tmp_path / "table.parquet")
    with pytest.raises(InputError, match="row 5: name '000'"):
        tables.read(tmp_path / "table.parquet", COLUMNS, unique="name")
    with pytest.raises(InputError, match="column path is missing; the file has name, count, share"):
        tables.read(tmp_path / "table.parquet", {"path": "text"})


@pytest.mark.parametrize("content", [b"", b"name,count\na,1\n", b"PAR1", b"PAR1\0\0\0\0PAR1"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"table\.parquet: not a Parquet table"):
        tables.read(tmp_path / "table.parquet", COLUMNS)


def test_a_flipped_byte_is_noticed_or_changes_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    tables.write(example(), path)
    whole = path.read_bytes()
    refused = 0
    for place in range(pq.read_metadata(path).row_group(0).column(2).data_page_offset):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert tables.read(path, COLUMNS).equals(example())
        except InputError:
            refused += 1
    assert refused > place / 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for reading in (lambda path: tables.read(path, COLUMNS), tables.count):
        with pytest.raises(InputError, match=r"absent\.parquet: no such file"):
            reading(tmp_path / "absent.parquet")


def test_a_table_without_rows_has_the_types_that_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    parquet.write([pd.DataFrame({"path": [], "faces": [], "more": []})], path)
    kinds: dict[str, tables.Kind] = {"path": "text", "faces": "integer"}
    found = parquet.read(path, kinds, "number")
    assert [str(kind) for kind in found.dtypes] == ["str", "int64", "float64"]
    (batch,) = parquet.batches(path, kinds)
    assert list(batch) == list(kinds)
    with pytest.raises(InputError, match="column age is missing"):
        parquet.read(path, {"age": "integer"}, "text")
