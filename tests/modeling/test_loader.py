import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch

from pipeline.formats import arrays
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.sampling import Balanced
from pipeline.modeling.loader import Batches, Examples, Joined, Loader

Make = Callable[..., ModelConfig]
ROWS = np.arange(100, 150)


def drawn(batches: Batches, epoch: int) -> list[int]:
    batches.set_pass(epoch)
    return [row for batch in batches for _, row, _ in batch]


def test_an_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    batches = Batches(ROWS, 8, seed=1)
    first, second = drawn(batches, 0), drawn(batches, 1)
    assert sorted(first) == sorted(second) == ROWS.tolist()
    assert first != second
    assert drawn(Batches(ROWS, 8, seed=1), 1) == second


def test_the_order_of_ten_million_photos_takes_a_gigabyte_at_most() -> None:
    batches = Batches(np.arange(100_000), 64, seed=1)
    tracemalloc.start()
    assert sum(map(len, batches)) == 100_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / 100_000 < 100  # bytes a photo


def test_without_a_seed_rows_keep_their_order() -> None:
    assert drawn(Batches(ROWS, 8), 3) == ROWS.tolist()


def test_a_last_batch_of_one_is_left_out_of_training_alone() -> None:
    assert [len(batch) for batch in Batches(ROWS[:9], 8, seed=1)] == [8]
    assert [len(batch) for batch in Batches(ROWS[:9], 8)] == [8, 1]


def test_a_split_of_70_to_30_has_414_steps_of_32_and_every_held_out_photo_is_judged() -> None:
    assert len(Batches(np.arange(13_230), 32, seed=777)) == 414
    assert drawn(Batches(np.arange(5_670), 64), 0) == list(range(5_670))


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_each_batch(processes: int) -> None:
    rows = ROWS[:48]
    shares = [list(Batches(rows, 8, seed=1, shard=(rank, processes))) for rank in range(processes)]
    together = [sorted(key for part in parts for key in part) for parts in zip(*shares, strict=True)]
    assert together == [sorted(batch) for batch in Batches(rows, 8, seed=1)]


def test_processes_without_a_share_of_the_last_batch_have_none() -> None:
    shares = [list(Batches(ROWS[:9], 8, shard=(rank, 2))) for rank in range(2)]
    assert [[len(batch) for batch in batches] for batches in shares] == [[4, 1], [4]]


def test_an_image_of_an_epoch_does_not_depend_on_its_batch(config: Make) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    augmented = config(augmentation=[{"GaussNoise": {"p": 1}}])
    seen = []
    for size in (4, 10):
        batches = Loader(crops, augmented, Batches(np.arange(20), size, seed=1), training=True)
        seen.append({int(row): image for images, rows in batches for image, row in zip(images, rows, strict=True)})
    assert all((seen[0][row] == seen[1][row]).all() for row in range(20))


def test_a_row_that_is_drawn_again_is_augmented_anew(config: Make) -> None:
    crops = np.full((2, 32, 32, 3), 128, dtype=np.uint8)
    rows, strata = np.arange(2).repeat(4), np.array([0] * 7 + [1])
    batches = Batches(rows, 8, seed=1, sampling=Balanced(), strata=strata)
    examples = Examples(crops, config(augmentation=[{"GaussNoise": {"p": 1}}]), training=True)
    images = [examples[key][0].numpy().tobytes() for batch in batches for key in batch]
    assert len(set(images)) == len(images) == 8


def test_a_copy_is_a_crop_of_its_row_that_no_epoch_changes(config: Make) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    examples = Examples(crops, config(image_size=20, oversample={"times": 3, "crop": 0.5}), training=True)
    first, second = (examples[epoch, 4 + 2, 0] for epoch in (0, 1))
    assert first[1] == second[1] == 2
    assert (first[0] == second[0]).all()
    places = [
        (top, left)
        for top in range(21)
        for left in range(21)
        if (crops[2, top : top + 20, left : left + 20] == first[0].numpy()).all()
    ]
    assert len(places) == 1
    assert not (examples[0, 8 + 2, 0][0] == first[0]).all(), "another copy is another crop"


def test_images_of_training_grow_with_the_epochs_and_those_of_prediction_have_the_full_size(config: Make) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 3), dtype=np.uint8)
    growing = config(image_size=[96, 64], epochs=5, progressive_resizing={"start": 0.25, "epochs": 0.8})
    seen = [Examples(crops, growing, training=True)[epoch, 1, 0][0].shape[:2] for epoch in range(6)]
    assert seen == [(32, 16), (48, 32), (64, 48), (80, 64), (96, 64), (96, 64)]
    assert seen[:5] == [growing.train_shape(epoch) for epoch in range(5)]
    assert Examples(crops, growing, training=False)[0, 1, 0][0].shape == (96, 64, 3)


def test_variants_after_the_first_are_augmented_in_inference_too(config: Make) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    examples = Examples(crops, config(augmentation=[{"HorizontalFlip": {"p": 1}}]), training=False)
    plain, augmented = (examples[view, 1, 0][0].numpy() for view in (0, 1))
    assert (plain == crops[1]).all()
    assert (augmented == crops[1][:, ::-1]).all()


def test_the_images_of_an_epoch_do_not_depend_on_the_shards(config: Make) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    seen = []
    for borders in ((), (7,), (4, 4, 13)):
        shards = arrays.Shards(np.split(crops, borders))
        seen.append(list(Loader(shards, config(), Batches(np.arange(20), 6, seed=1), training=True).at(2)))
    for images, rows in (zip(*together, strict=True) for together in zip(*seen, strict=True)):
        assert all(torch.equal(images[0], other) for other in images)
        assert all(torch.equal(rows[0], other) for other in rows)


def test_rows_of_a_second_file_follow_those_of_the_first() -> None:
    first, second = (np.random.default_rng(seed).integers(0, 256, (5, 4, 4, 3), np.uint8) for seed in (0, 1))
    joined = Joined(first, second, np.array([4, 1]))
    assert len(joined) == 7
    expected = np.concatenate([first, second[[4, 1]]])
    np.testing.assert_array_equal([joined[row] for row in range(7)], expected)
    with pytest.raises(IndexError):
        joined[7]
