"""Fits are made on all photos, or on a random choice of very many; predictions come block by block."""

import numpy as np

from pipeline.ensembling import fitting


def test_all_of_few_photos_are_fitted_on() -> None:
    np.testing.assert_array_equal(fitting.rows(fitting.MOST), np.arange(fitting.MOST))


def test_a_choice_of_many_is_in_order_without_repetition_and_always_the_same() -> None:
    chosen = fitting.rows(fitting.MOST + 5)
    assert len(np.unique(chosen)) == fitting.MOST
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, fitting.rows(fitting.MOST + 5))


def test_blocks_have_every_photo_once_and_one_block_all_that_are_fitted_on() -> None:
    photos = 2 * fitting.BLOCK + 3
    blocks = list(fitting.blocks(photos))
    assert [len(block) for block in blocks] == [fitting.BLOCK, fitting.BLOCK, 3]
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(photos))
    assert len(list(fitting.blocks(fitting.MOST))) == 1
    assert not list(fitting.blocks(0))
