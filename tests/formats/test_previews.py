"""previews: many small JPEGs in a file, of which a page reads a few."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.formats import previews
from pipeline.formats.images import decode
from pipeline.formats.previews import ROWS, Previews
from pipeline.foundation.errors import InputError

JPEGS = [bytes([number % 251]) * (number % 7) for number in range(2 * ROWS + 3)]


def test_previews_are_read_by_row_from_several_files(tmp_path: Path) -> None:
    for name, part in (("first", JPEGS[:ROWS]), ("none", []), ("last", JPEGS[ROWS:])):
        previews.write(iter(part), tmp_path / name)
    found = Previews([previews.read(tmp_path / name) for name in ("first", "none", "last")])
    assert [found[row] for row in range(len(found))] == JPEGS
    for row in (-1, len(JPEGS)):
        with pytest.raises(IndexError):
            found[row]


def test_equal_previews_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        previews.write(JPEGS, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_previews_stay_on_disk(tmp_path: Path) -> None:
    previews.write([bytes(1000)] * 10 * ROWS, tmp_path / "file")
    before = pa.total_allocated_bytes()
    found = Previews([previews.read(tmp_path / "file")])
    assert found[7] == bytes(1000)
    assert pa.total_allocated_bytes() - before < 100_000


def test_a_preview_is_a_crop_of_at_most_96_pixels() -> None:
    crop = np.full((192, 96, 3), 90, np.uint8)
    shown = decode(previews.encode(crop), "preview")
    assert shown.shape == (96, 48, 3)
    np.testing.assert_allclose(shown, 90, atol=1)


@pytest.mark.parametrize("content", [b"", b"ARROW1", JPEGS[3]], ids=["empty", "cut", "other"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=r"file: not a file of previews: .*; run `dvc repro`"):
        previews.read(tmp_path / "file")


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    table = pa.table({"years": [20]})
    with pa.ipc.new_file(str(tmp_path / "file"), table.schema) as writer:
        writer.write(table)
    with pytest.raises(InputError, match=r"its columns are \['years'\]; run `dvc repro`"):
        previews.read(tmp_path / "file")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: no such file; run `dvc repro`"):
        previews.read(tmp_path / "none")
