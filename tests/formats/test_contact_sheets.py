"""Contact sheets are valid images for any number and shape of images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.formats import contact_sheets

BROAD = np.full((20, 300, 3), (255, 0, 0), dtype=np.uint8)
TALL = np.full((300, 20, 3), (0, 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 64])
def test_a_sheet_holds_any_number_of_images_of_any_shape(tmp_path: Path, count: int) -> None:
    images = [BROAD if number % 2 else TALL for number in range(count)]
    contact_sheets.write(tmp_path / "new" / "sheet.jpg", "title", images, ["a\nb"] * count)
    with Image.open(tmp_path / "new" / "sheet.jpg") as sheet:
        rows = -(-count // 8)
        assert sheet.format == "JPEG"
        assert sheet.height == contact_sheets.HEAD + rows * (
            contact_sheets.TILE + contact_sheets.GAP + 2 * contact_sheets.LINE
        )


def test_a_caption_that_is_too_wide_stays_under_its_image(tmp_path: Path) -> None:
    contact_sheets.write(tmp_path / "sheet.jpg", "", [BROAD, BROAD], ["", "wide " * 99])
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        beside = np.asarray(sheet)[:, : contact_sheets.GAP + contact_sheets.TILE + contact_sheets.GAP // 2]
        under = beside[contact_sheets.HEAD + contact_sheets.TILE :]
    assert under.min() > 240


def test_equal_sheets_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("first.jpg", "second.jpg"):
        contact_sheets.write(tmp_path / name, "title", [BROAD, TALL], ["one", "two"])
    assert (tmp_path / "first.jpg").read_bytes() == (tmp_path / "second.jpg").read_bytes()


def test_a_frame_surrounds_the_box_and_the_whole_image_is_in_the_tile() -> None:
    tile = contact_sheets.framed(BROAD, (100, 0, 200, 20)).astype(int)
    assert tile.shape == (contact_sheets.TILE, contact_sheets.TILE, 3)
    middle = tile[contact_sheets.TILE // 2]
    red = (abs(middle - (255, 0, 0)) < 8).all(axis=1)
    assert red[[2, 20, 64, 100, 125]].all(), "inside and outside of the frame"
    assert not red[[43, 84]].any(), "the frame's left and right edge, at 100 and 200 of 300 pixels"
    assert (tile[[0, -1]] > 240).all(), "paper above and below"


def test_a_tile_is_shown_as_it_is(tmp_path: Path) -> None:
    tile = contact_sheets.framed(TALL, (0, 0, 20, 150))
    contact_sheets.write(tmp_path / "tile.jpg", "", [tile], [""])
    with Image.open(tmp_path / "tile.jpg") as sheet:
        left, top, side = contact_sheets.GAP, contact_sheets.HEAD, contact_sheets.TILE
        shown = np.asarray(sheet, np.int16)[top : top + side, left : left + side]
    assert abs(shown - tile).mean() < 3
