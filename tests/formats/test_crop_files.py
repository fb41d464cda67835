"""Crops of several shards are read as one array, without being joined."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.formats import arrays, crop_files, previews, tables
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError

COUNTS = {2: 3, 0: 1, 5: 4}


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (sum(COUNTS.values()), 4, 5, 3), np.uint8)


@pytest.fixture
def crops(tmp_path: Path, pixels: Pixels) -> Path:
    """Three shards in an order of their own."""
    start, shard_of = 0, []
    for shard, count in COUNTS.items():
        files = crop_files.Shard(tmp_path, "train", shard)
        files.folder.mkdir(parents=True)
        np.save(files.pixels_file, pixels[start : start + count])
        previews.write(map(previews.encode, pixels[start : start + count]), files.previews_file)
        start += count
        shard_of += [shard] * count
    table = {"path": [f"{row}.jpg" for row in range(start)], "shard": shard_of, "digest": [*map(arrays.digest, pixels)]}
    tables.write(pd.DataFrame(table).assign(perceptual_hash="0f" * 32), crop_files.index_file(tmp_path, "train"))
    return tmp_path


def test_shards_are_one_array_in_the_order_of_the_index(crops: Path, pixels: Pixels) -> None:
    found = crop_files.pixels(crops, "train")
    assert len(found) == len(pixels)
    np.testing.assert_array_equal(np.stack(list(found)), pixels)
    np.testing.assert_array_equal(found[6], pixels[6])
    for row in (-1, len(pixels)):
        with pytest.raises(IndexError):
            found[row]


def test_crops_stay_on_disk(crops: Path) -> None:
    image: object = crop_files.pixels(crops, "train")[0]
    while isinstance(image, np.ndarray) and not isinstance(image, np.memmap):
        image = image.base
    assert isinstance(image, np.memmap)


def test_previews_are_the_crops_of_all_shards_as_small_jpegs(crops: Path, pixels: Pixels) -> None:
    found = crop_files.crop_previews(crops, "train")
    assert [found[row] for row in range(len(found))] == [previews.encode(crop) for crop in pixels]
    for row in (-1, len(pixels)):
        with pytest.raises(IndexError):
            found[row]


def test_digests_tell_equal_crops_from_others(crops: Path, pixels: Pixels) -> None:
    digests = crop_files.hashes(crops, "train")["digest"]
    assert digests.nunique() == len(pixels)
    assert digests[3] == arrays.digest(pixels[3].copy())


@pytest.mark.parametrize("text", ["", "0f" * 31, "0g" * 32, "0f" * 33])
def test_a_perceptual_hash_that_is_none_is_refused_with_its_row(crops: Path, text: str) -> None:
    index = crop_files.index_file(crops, "train")
    table = pd.read_parquet(index)
    table.loc[2, "perceptual_hash"] = text
    tables.write(table, index)
    with pytest.raises(InputError, match=r"train\.parquet: .* \(1\):\n  row 4: perceptual_hash"):
        crop_files.hashes(crops, "train")


def test_a_shard_of_another_number_of_crops_is_refused(crops: Path) -> None:
    np.save(crop_files.Shard(crops, "train", 5).pixels_file, np.zeros((3, 4, 5, 3), np.uint8))
    with pytest.raises(
        InputError, match=r"shards/train/5/crops\.npy: 3 images, but .*train\.parquet has 4; run `dvc repro`"
    ):
        crop_files.pixels(crops, "train")


def test_a_missing_shard_is_named(crops: Path) -> None:
    crop_files.Shard(crops, "train", 0).pixels_file.unlink()
    with pytest.raises(InputError, match=r"shards/train/0/crops\.npy: no such file; run `dvc repro`"):
        crop_files.pixels(crops, "train")
