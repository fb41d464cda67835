"""Stage crop: a shard of the train and eval photos cut to what the models see, packed into one array a split."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from pipeline.dataset.layout import EVAL, TRAIN, eval_photos
from pipeline.faces.config import Crop as Params
from pipeline.faces.cropping import BATCH, Crop, Cropper
from pipeline.faces.detection import device, pool
from pipeline.formats import arrays, tables
from pipeline.formats.images import check, read
from pipeline.foundation.progress import watch

Row = dict[str, object]

PARTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
LANDMARKS = [f"{part}_{axis}" for part in PARTS for axis in "xy"]
COLUMNS = [name for name in tables.CROPS if name != "path"] + LANDMARKS


def crop(shard: int, data: Path, labels: Path, crops: Path, params: Params) -> None:
    """Write into `crops`, for train and eval, <split>.npy (n, height, width, 3) and <split>.csv.

    A shard is a run of whole batches, so that every photo is cropped in the same company whatever their number.
    Raises `InputError` that names all photos of the shard that cannot be read, before any is cropped.
    """
    named = {"train": list(tables.read(labels, tables.LABELS)["path"]), "eval": eval_photos(data)}
    names = {split: _share(named[split], params.shards.index(shard), len(params.shards)) for split in named}
    folders = {"train": data / TRAIN, "eval": data / EVAL}
    paths = {split: [folders[split] / name for name in names[split]] for split in names}
    check(chain.from_iterable(paths.values()))
    cropper = Cropper(params, device())
    crops.mkdir(parents=True, exist_ok=True)
    for split in names:
        table = _pack(cropper, paths[split], crops / f"{split}.npy")
        table.insert(0, "path", names[split])
        tables.write(table, crops / f"{split}.csv")


def _share(names: Sequence[str], shard: int, shards: int) -> Sequence[str]:
    batches = -(-len(names) // BATCH)
    first, last = (batches * number // shards * BATCH for number in (shard, shard + 1))
    return names[first:last]


def _pack(cropper: Cropper, paths: Sequence[Path], packed: Path) -> pd.DataFrame:
    """Crop photos into one array on disk, a batch a thread; returns where each crop was cut.

    Batches go by number and each runs on one thread of torch, so nothing depends on the number of cores.
    """
    starts = range(0, len(paths), BATCH)
    with arrays.writing(packed, (len(paths), *cropper.params.shape, 3)) as pixels, pool() as threads:

        def rows(start: int) -> list[Row]:
            batch = slice(start, start + BATCH)
            found = cropper([read(path) for path in paths[batch]])
            pixels[batch] = [crop.pixels for crop in found]
            return [_row(crop) for crop in found]

        batches = watch(threads.map(rows, starts), f"crop {packed.stem}", len(starts))
        return pd.DataFrame(chain.from_iterable(batches), columns=COLUMNS)


def _row(crop: Crop) -> Row:
    box = dict(zip(("left", "top", "right", "bottom"), crop.box, strict=True))
    if crop.face is None:
        return {**box, "source": crop.source, "probability": 0.0, **dict.fromkeys(LANDMARKS)}
    landmarks = zip(LANDMARKS, crop.face.landmarks.ravel().astype(float).round(2), strict=True)
    return {**box, "source": crop.source, "probability": round(crop.face.probability, 4), **dict(landmarks)}
