"""Stage pack: the shards of crops joined to one array per split, with two contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.layout import EVAL, TRAIN
from pipeline.faces.config import Crop as Params
from pipeline.formats import arrays, contact_sheets, tables
from pipeline.formats.images import read
from pipeline.foundation.terminal import log

SPLITS = ("train", "eval")
SHEET_SIZE = 64
SEED = 777


def pack(data: Path, shards: Path, crops: Path, params: Params) -> None:
    """Join the shards of the stage crop.

    Prints the number of photos without a face per split, where `params.method` searches for faces.

    Args:
        data: Folder of the data set, whose photos without a face are shown.
        shards: Folder with a subfolder per shard, each an output of `crop`.
        crops: Output folder. For each split, train and eval, it receives <split>.npy, the crops as uint8 RGB
            (n, height, width, 3), <split>.csv, their table, and with `params.thumbnail` <split>_thumbnails.npy. The
            sheet crops.jpg shows random crops and misses.jpg photos without a face, at most `SHEET_SIZE` each.
        params: The params of `crop`.

    Raises:
        InputError: When a file of a shard is missing or malformed, or a photo without a face cannot be read.
    """
    folders = [shards / str(shard) for shard in params.shards]
    crops.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        for name in [f"{split}.npy", *([arrays.thumbnails(split)] if params.thumbnail else [])]:
            _join_pixels([folder / name for folder in folders], crops / name)
        parts = [tables.read(folder / f"{split}.csv", tables.CROPS) for folder in folders]
        tables.write(pd.concat(parts, ignore_index=True), crops / f"{split}.csv")
    _show(crops, {"train": data / TRAIN, "eval": data / EVAL}, params)


def _join_pixels(paths: Sequence[Path], packed: Path) -> None:
    parts = [arrays.read(path) for path in paths]
    height, width = parts[0].shape[1:3]
    with arrays.writing(packed, (sum(map(len, parts)), height, width, 3)) as pixels:
        np.concatenate(parts, out=pixels)


def _show(crops: Path, folders: dict[str, Path], params: Params) -> None:
    """Write both contact sheets, and print the number of photos without a face."""
    found = {split: tables.read(crops / f"{split}.csv", tables.CROPS) for split in folders}
    table = pd.concat(found, names=["split", "row"]).reset_index()
    _show_crops(crops, table.sample(min(SHEET_SIZE, len(table)), random_state=SEED).sort_index(), len(table))
    misses = table[(table["source"] == "center") & params.searches_faces]
    _show_misses(crops, misses, folders, params.max_pixels)
    for split in folders if params.searches_faces else ():
        missed = (misses["split"] == split).sum()
        log(f"{split}: {missed:,} of {len(found[split]):,} photos without a face: centre crop")


def _show_crops(crops: Path, sampled: pd.DataFrame, total: int) -> None:
    packed = {split: arrays.read(crops / f"{split}.npy") for split in sampled["split"].unique()}
    images = [packed[split][row] for split, row in zip(sampled["split"], sampled["row"], strict=True)]
    contact_sheets.write(
        crops / "crops.jpg", f"{len(sampled)} of {total:,} crops, chosen at random", images, _captions(sampled)
    )


def _show_misses(crops: Path, misses: pd.DataFrame, folders: dict[str, Path], max_pixels: int) -> None:
    shown = misses.head(SHEET_SIZE)
    paths = [folders[split] / path for split, path in zip(shown["split"], shown["path"], strict=True)]
    photos = [read(path, max_pixels) for path in paths]
    title = f"{len(shown)} of {len(misses):,} photos without a face" if len(misses) else "no photo without a face"
    contact_sheets.write(crops / "misses.jpg", title, photos, _captions(shown))


def _captions(table: pd.DataFrame) -> list[str]:
    return [path.replace("/", "\n") for path in table["path"]]
