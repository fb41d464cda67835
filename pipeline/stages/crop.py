"""Stage crop: the crops of one shard of the train and eval photos, in one array per split."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import pandas as pd
from PIL import Image

from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos
from pipeline.faces.config import Crop as Params
from pipeline.faces.cropping import BATCH, Cropper, CropResult, thumbnail
from pipeline.faces.detection import device, pool
from pipeline.faces.sheet_photos import shown
from pipeline.formats import arrays, contact_sheets, previews, tables
from pipeline.formats.columns import DTYPES
from pipeline.formats.crop_files import Shard
from pipeline.formats.generated import mark
from pipeline.formats.images import PhotoFile, Pixels, check, read
from pipeline.formats.perceptual_hash import perceptual_hash
from pipeline.foundation.files import write_text
from pipeline.foundation.progress import watch
from pipeline.foundation.terminal import warn
from pipeline.foundation.threads import mapped

Row = dict[str, object]

PARTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
LANDMARKS = [f"{part}_{axis}" for part in PARTS for axis in "xy"]
COLUMNS = {name: DTYPES[kind] for name, kind in tables.CROPS.items() if name != "path"}
COLUMNS |= dict.fromkeys(LANDMARKS, "float64")
ROWS = 8192
"""Rows of the table that are held as Python objects at once."""


def crop(shard: int, data: Path, labels: Path, crops: Path, params: Params) -> None:
    """Crop one shard of the photos.

    A shard is a range of whole batches. Each photo is therefore in the same batch for any number of shards, and its
    crop is the same.

    Args:
        shard: Number of the shard, one of `params.shards`.
        data: Folder of the data set, with train/ and eval/.
        labels: Table of labels, which lists the train photos.
        crops: Folder of the crops. For each split, train and eval, it receives the files of a `crop_files.Shard`. The
            table has the columns `tables.CROPS` and the landmarks, in pixels of the upright photo; `faces` is the
            number of faces, `turn` the degrees after which a face that lies on its side is upright. Tiles are of the
            photos that `pack` shows whole.
        params: Method, margin and size of the crops, and the shards.

    Raises:
        InputError: Lists all photos of the shard that cannot be read, before any is cropped; also when the labels or
            info.csv are missing or malformed.
    """
    names = shard_photos(shard, data, labels, params)
    folders = {"train": data / TRAIN, "eval": data / EVAL}
    paths = {split: photo_shards.files(folders[split], names[split]) for split in names}
    check(chain.from_iterable(paths.values()), params.max_pixels)
    _warn_of_generated(paths["train"])
    cropper = Cropper(params, device())
    for split in names:
        files = Shard(crops, split, shard)
        table = pack(cropper, paths[split], files.pixels_file, split)
        if params.thumbnail:
            _write_thumbnails(paths[split], params.thumbnail, files.thumbnails_file, params.max_pixels)
        _write_tiles(paths[split], shown(table, params), files.tiles_file, params.max_pixels)
        _write_previews(arrays.read(files.pixels_file), files.previews_file)
        table.insert(0, "path", names[split])
        tables.write(table, files.table_file)
        write_text(files.settings_file, params.as_json())


def _warn_of_generated(paths: Sequence[PhotoFile]) -> None:
    generated = [path for path in paths if mark(path.read_bytes())]
    if generated:
        warn(
            f"{len(generated):,} train photos were made by a generator, first {generated[0]}: folds hold them out like "
            "photos, and scores on them do not hold for photos; remove these people (`doctor` lists them)"
        )


def shard_photos(shard: int, data: Path, labels: Path, params: Params) -> dict[str, Sequence[str]]:
    """The names of the photos of a shard by split, relative to the folder of the split; see `crop`."""
    train = pd.concat(tables.batches(labels, {"path": "text"}), ignore_index=True)["path"]
    names = eval_photos(data)
    return {"train": list(train[_share(len(train), shard, params)]), "eval": names[_share(len(names), shard, params)]}


def _share(photos: int, shard: int, params: Params) -> slice:
    """The share of a shard in a number of photos: whole batches."""
    batches, number = -(-photos // BATCH), params.shards.index(shard)
    first, last = (batches * position // len(params.shards) * BATCH for position in (number, number + 1))
    return slice(first, last)


def pack(cropper: Cropper, paths: Sequence[PhotoFile], packed: Path, split: str) -> pd.DataFrame:
    """Crop photos into one array on disk, with one batch per thread; return box, source and landmarks of each crop.

    Batches have fixed borders, and each runs on one thread of torch: no crop depends on the number of cores.
    """
    starts = range(0, len(paths), BATCH)
    with arrays.writing(packed, (len(paths), *cropper.params.shape, 3)) as pixels, pool() as threads:

        def rows(start: int) -> list[Row]:
            batch = slice(start, start + BATCH)
            photos = [read(path, cropper.params.max_pixels) for path in paths[batch]]
            found = cropper(photos)
            pixels[batch] = [crop.pixels for crop in found]
            return [_row(photo, crop) for photo, crop in zip(photos, found, strict=True)]

        batches = watch(mapped(threads, rows, starts), f"crop {split}", len(starts))
        return _table(chain.from_iterable(batches))


def _table(rows: Iterator[Row]) -> pd.DataFrame:
    """The table of rows that come one by one, of which few are in memory at once."""
    parts = [pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)]
    while part := list(islice(rows, ROWS)):
        parts.append(pd.DataFrame(part, columns=list(COLUMNS)).astype(COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _write_thumbnails(paths: Sequence[PhotoFile], shape: tuple[int, int], packed: Path, max_pixels: int) -> None:
    with arrays.writing(packed, (len(paths), *shape, 3)) as pixels, pool() as threads:
        for row, small in enumerate(mapped(threads, lambda path: thumbnail(read(path, max_pixels), shape), paths)):
            pixels[row] = small


def _write_tiles(paths: Sequence[PhotoFile], rows: pd.DataFrame, packed: Path, max_pixels: int) -> None:
    """Write the photos of some rows of the table of crops, each with a frame around its crop."""
    with arrays.writing(packed, (len(rows), contact_sheets.TILE, contact_sheets.TILE, 3)) as pixels:
        boxes = rows[["left", "top", "right", "bottom"]].itertuples(name=None)
        for number, (row, *box) in enumerate(boxes):
            pixels[number] = contact_sheets.framed(read(paths[row], max_pixels), tuple(box))


def _write_previews(crops: Pixels, packed: Path) -> None:
    with pool() as threads:
        previews.write(mapped(threads, previews.encode, crops), packed)


def _row(photo: Pixels, crop: CropResult) -> Row:
    box: Row = dict(zip(("left", "top", "right", "bottom"), crop.box, strict=True))
    height, width = crop.photo_shape
    hashes = {"digest": arrays.digest(crop.pixels), "perceptual_hash": perceptual_hash(Image.fromarray(photo)).hex()}
    own: Row = {**box, **hashes, "faces": crop.faces, "photo_width": width, "photo_height": height}
    if crop.face is None:
        return {**own, "source": crop.source, "probability": 0.0, "turn": 0, **dict.fromkeys(LANDMARKS)}
    landmarks = zip(LANDMARKS, crop.face.landmarks.ravel().astype(float).round(2), strict=True)
    found = {"source": crop.source, "probability": round(crop.face.probability, 4), "turn": crop.face.turn}
    return {**own, **found, **dict(landmarks)}
