"""Crops on disk as the stages crop and pack leave them, in one shard."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import arrays, crop_files, previews, tables
from pipeline.formats.images import Pixels


def write(folder: Path, split: str, table: pd.DataFrame, pixels: Pixels) -> None:
    """Write the crops (n, height, width, 3) of a split, and its index: a table with the column `path`."""
    shard = crop_files.Shard(folder, split, 0)
    shard.folder.mkdir(parents=True, exist_ok=True)
    np.save(shard.pixels_file, pixels)
    previews.write(map(previews.encode, pixels), shard.previews_file)
    digests = [arrays.digest(image) for image in pixels]
    hashes = [
        hashlib.blake2b(image.tobytes(), digest_size=32).hexdigest() for image in pixels
    ]  # of no photo like another
    index = table.assign(shard=0, digest=digests, perceptual_hash=hashes)
    tables.write(index, crop_files.index_file(folder, split))


def read(folder: Path, split: str) -> Pixels:
    """The crops of a split in memory, to be changed and written again."""
    return np.stack(list(crop_files.pixels(folder, split)))


def replace(folder: Path, split: str, pixels: Pixels) -> None:
    """Write other crops of the same photos."""
    write(folder, split, pd.read_parquet(crop_files.index_file(folder, split)), pixels)
