"""Stage crop: every train and eval picture cut to what the models see, packed into one array a split."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.lib.format import open_memmap

from pipeline import sheets, tables
from pipeline.params import Crop as Params
from pipeline.photographs import EVAL, TRAIN, check, eval_pictures, read
from pipeline.progress import watch
from pipeline.vision.crops import Crop, Cropper

Row = dict[str, object]

PARTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
LANDMARKS = [f"{part}_{axis}" for part in PARTS for axis in "xy"]
BATCH = 16  # pictures that a thread holds at once
SHOWN = 64
SEED = 777


def crop(photographs: Path, labels: Path, crops: Path, params: Params) -> None:
    """Write into `crops`, for train and eval, <split>.npy (n, height, width, 3) and <split>.csv, and two sheets.

    Raises `InputError` that names all pictures that cannot be read, before any is cropped.
    """
    train = list(tables.read(labels, tables.LABELS)["path"])
    names = {"train": train, "eval": eval_pictures(photographs)}
    folders = {"train": photographs / TRAIN, "eval": photographs / EVAL}
    paths = {split: [folders[split] / name for name in names[split]] for split in names}
    check(chain.from_iterable(paths.values()))
    cropper = Cropper(params, "cuda" if torch.cuda.is_available() else "cpu")
    crops.mkdir(parents=True, exist_ok=True)
    for split in names:
        table = _pack(cropper, paths[split], crops / f"{split}.npy")
        table.insert(0, "path", names[split])
        tables.write(table, crops / f"{split}.csv")
    _show(crops, folders, params)


def _pack(cropper: Cropper, paths: Sequence[Path], packed: Path) -> pd.DataFrame:
    """Crop pictures into one array on disk, a batch a thread; returns where each crop was cut.

    Batches go by number and each runs on one thread of torch, so nothing depends on the number of cores.
    """
    pixels = open_memmap(packed, "w+", np.uint8, (len(paths), *cropper.params.shape, 3))

    def rows(start: int) -> list[Row]:
        batch = slice(start, start + BATCH)
        found = cropper([read(path) for path in paths[batch]])
        pixels[batch] = [crop.pixels for crop in found]
        return [_row(crop) for crop in found]

    starts = range(0, len(paths), BATCH)
    with ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as threads:
        batches = watch(threads.map(rows, starts), f"crop {packed.stem}", len(starts))
        table = pd.DataFrame(chain.from_iterable(batches))
    pixels.flush()
    return table


def _row(crop: Crop) -> Row:
    box = dict(zip(("left", "top", "right", "bottom"), crop.box, strict=True))
    if crop.face is None:
        return {**box, "source": crop.source, "probability": 0.0, **dict.fromkeys(LANDMARKS)}
    landmarks = zip(LANDMARKS, crop.face.landmarks.ravel().astype(float).round(2), strict=True)
    return {**box, "source": crop.source, "probability": round(crop.face.probability, 4), **dict(landmarks)}


def _show(crops: Path, folders: dict[str, Path], params: Params) -> None:
    """Say how many pictures have no face; write a sheet of crops drawn at random, and one of those pictures."""
    found = {split: tables.read(crops / f"{split}.csv", tables.CROPS) for split in folders}
    table = pd.concat(found, names=["split", "row"]).reset_index()
    _show_crops(crops, table.sample(min(SHOWN, len(table)), random_state=SEED).sort_index(), len(table))
    misses = table[(table["source"] == "center") & (params.method == "mtcnn")]
    _show_misses(crops, misses, folders)
    for split in folders if params.method == "mtcnn" else ():
        missed = (misses["split"] == split).sum()
        print(f"{split}: {missed:,} of {len(found[split]):,} pictures without a face: centre crop")


def _show_crops(crops: Path, drawn: pd.DataFrame, total: int) -> None:
    packed = {split: np.load(crops / f"{split}.npy", mmap_mode="r") for split in drawn["split"].unique()}
    pictures = [packed[split][row] for split, row in zip(drawn["split"], drawn["row"], strict=True)]
    sheets.write(crops / "crops.jpg", f"{len(drawn)} of {total:,} crops, drawn at random", pictures, _captions(drawn))


def _show_misses(crops: Path, misses: pd.DataFrame, folders: dict[str, Path]) -> None:
    shown = misses.head(SHOWN)
    pictures = [read(folders[split] / path) for split, path in zip(shown["split"], shown["path"], strict=True)]
    title = f"{len(shown)} of {len(misses):,} pictures without a face" if len(misses) else "no picture without a face"
    sheets.write(crops / "misses.jpg", title, pictures, _captions(shown))


def _captions(table: pd.DataFrame) -> list[str]:
    return [path.replace("/", "\n") for path in table["path"]]
