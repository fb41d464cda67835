"""thumbnails: every kind of error has its share of a budget that is never exceeded."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.report.thumbnails import MAX_CORRECT, Gallery, order, thumbnail
from pipeline.formats import previews
from pipeline.formats.previews import Previews
from pipeline.schema.schema import SCHEMA

NOISE = np.random.default_rng(0).integers(0, 255, (30, 40, 30, 3), np.uint8)
PREVIEWS = Previews([pa.chunked_array([[*map(previews.encode, NOISE)]])])
CODES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1)), min_size=1, max_size=60)


@given(CODES)
def test_every_error_comes_once_and_before_correct_predictions(rows: list[tuple[int, int, float]]) -> None:
    true, predicted = (np.array(codes) for codes in list(zip(*rows, strict=True))[:2])
    photos = list(order(true, predicted, [confidence for *_, confidence in rows]))
    wrong = np.flatnonzero(true != predicted)
    assert set(photos[: len(wrong)]) == set(wrong)
    assert len(set(photos)) == len(photos)
    cells = true[photos] * SCHEMA.classes + predicted[photos]
    assert all((cells == cell).sum() <= MAX_CORRECT for cell in np.unique(cells[len(wrong) :]))


def test_cells_take_turns_and_the_most_confident_of_each_comes_first() -> None:
    true, predicted = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 1, 2, 2])
    assert list(order(true, predicted, [0.5, 0.9, 0.7, 0.4, 0.6])) == [1, 4, 2, 3, 0]


def test_the_budget_is_never_exceeded() -> None:
    each = len(thumbnail(PREVIEWS[0]))
    gallery = Gallery(PREVIEWS, budget=4 * each)
    gallery.add(range(len(PREVIEWS)))
    assert 0 < sum(map(len, gallery.thumbnails.values())) <= 4 * each
    assert list(gallery.thumbnails) == list(range(len(gallery.thumbnails)))
