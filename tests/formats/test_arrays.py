"""Arrays of images are read as written, and a full disk is an error before the map is touched."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.formats import arrays
from pipeline.foundation.errors import InputError
from tests.support.full_disk import small_disk

SHAPE = (5, 8, 6, 3)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    with arrays.writing(tmp_path / "train.npy", SHAPE) as written:
        written[:] = pixels
    np.testing.assert_array_equal(arrays.read(tmp_path / "train.npy"), pixels)


def test_an_array_that_a_full_disk_cannot_hold_is_an_error_and_no_crash(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        path = disk / "train.npy"
        full = pytest.raises(OSError, match="No space left on device")
        with full as raised, arrays.writing(path, (1000, *SHAPE[1:])) as pixels:
            pixels[:] = 1  # SIGBUS where the file is sparse
        assert raised.value.filename == str(path)
        assert not list(disk.iterdir())


def test_an_array_that_is_filled_in_part_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IndexError), arrays.writing(tmp_path / "train.npy", SHAPE) as pixels:
        pixels[SHAPE[0]] = 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order'",
        b"\x93NUMPY\x01\x00\x76\x00" + b"{[]: '|u1'}".ljust(118),
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (-12, 4, 4, 3)}".ljust(118),
        b"PK\x03\x04",
        b"text",
    ],
)
def test_what_is_no_array_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"train\.npy: not an array of images"):
        arrays.read(path)


def test_an_array_of_anything_else_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(InputError, match="not an array of images uint8"):
        arrays.read(tmp_path / "train.npy")
