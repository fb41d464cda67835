"""Stage pack: the index of the crops of all shards, with three contact sheets. The crops stay in their shards."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product, starmap
from pathlib import Path

import pandas as pd

from pipeline.faces.config import SETTINGS
from pipeline.faces.config import Crop as Params
from pipeline.faces.doubts import doubts
from pipeline.faces.photo_sizes import PhotoSizes
from pipeline.faces.sheet_photos import MOST, doubtful, misses, shown
from pipeline.formats import arrays, contact_sheets, crop_files, tables
from pipeline.formats.crop_files import PIXELS, PREVIEWS, SPLITS, TILES, Shard
from pipeline.formats.documents import read_text
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_text
from pipeline.foundation.terminal import log, warn

SEED = 777
SMALL = 0.5
"""Share of the photos' shorter side below which a centre crop in pixels is small."""


def pack(crops: Path, params: Params) -> None:
    """Write the index of the shards of the stage crop.

    Prints the number of photos without a face and of doubtful ones per split, where `params.method` searches for
    faces, and warns of photos of several sizes, and of large ones, when a setting is in pixels.

    Args:
        crops: Folder of the crops. Its folders `shards` and `previews` are outputs of `crop`; see `crop_files`. Beside
            them, the folder receives for each split, train and eval, <split>.parquet: the tables of all shards one
            after another, with a column `shard`. The sheet crops.jpg shows random crops, misses.jpg photos without
            a face and doubtful.jpg the subject where it is doubtful, at most `MOST` each. settings.json has the
            settings of all crops.
        params: The params of `crop`.

    Raises:
        InputError: When a file of a shard is missing or malformed, or a shard was cropped by other settings.
    """
    _check_settings(crops, params)
    write_text(crops / SETTINGS, params.as_json())
    for split in SPLITS:
        tables.write_parts(_tables(crops, split, params), crop_files.index_file(crops, split))
    _show(crops, params)


def _check_settings(crops: Path, params: Params) -> None:
    shards = starmap(partial(Shard, crops), product(SPLITS, params.shards))
    wanted = params.as_json()
    others = [shard.folder for shard in shards if read_text(shard.settings_file, "run `dvc repro`") != wanted]
    raise_faults(
        "crops by other settings than params.yaml has; train and eval must be cropped alike: run `dvc repro`",
        [str(folder) for folder in others],
    )


def reads(file: Path, params: Params) -> bool:
    """Whether `pack` reads a file of the stage crop: tables and tiles of all shards, and crops of the one it shows."""
    if PREVIEWS in file.parts[-4:]:
        return file.name == TILES
    return file.name != PIXELS or file.parent.name == str(_shown_shard(params))


def _shown_shard(params: Params) -> int:
    """The last shard, which is never empty."""
    return params.shards[-1]


def _tables(crops: Path, split: str, params: Params) -> Iterator[pd.DataFrame]:
    """The tables of all shards, one after another, each with the number of its shard."""
    for shard in params.shards:
        table = Shard(crops, split, shard).table()
        table.insert(1, "shard", shard)
        yield table


def _show(crops: Path, params: Params) -> None:
    """Write the contact sheets, and print the numbers of photos without a face and with a doubtful one."""
    table = pd.concat({split: crop_files.table(crops, split) for split in SPLITS}, names=["split"]).reset_index("split")
    table = table.reset_index(drop=True)
    _warn_of_sizes(table, params)
    _show_crops(crops, table, params)
    tiles = dict(_tiles(crops, table, params))
    missed, reasons = misses(table, params), doubts(table)
    _show_photos(crops / "misses.jpg", "photos without a face", missed, tiles)
    _show_photos(crops / "doubtful.jpg", "photos with a doubtful subject", doubtful(table), tiles)
    for split in SPLITS if params.searches_faces else ():
        of_split = table["split"] == split
        log(f"{split}: {(missed['split'] == split).sum():,} of {of_split.sum():,} photos without a face: centre crop")
        counts = reasons[of_split].sum()
        if counts.any():
            log(f"{split}: {', '.join(f'{count:,} with {name}' for name, count in counts.items() if count)}")


def _warn_of_sizes(table: pd.DataFrame, params: Params) -> None:
    sizes, center = PhotoSizes.of(table), params.center
    if params.depends_on_photo_size and sizes.vary:
        warn(
            f"photos are {sizes} pixels on the shorter side, and crop.grow or crop.center is in pixels, which frames "
            "large photos more tightly; set unit: fraction"
        )
    if params.method != "none" and center.unit == "pixels" and center.side < SMALL * sizes.largest:
        warn(
            f"crop.center takes {center.side:g} pixels, {center.side / sizes.largest:.0%} of the shorter side of the "
            "largest photos; set unit: fraction"
        )


def _show_crops(crops: Path, table: pd.DataFrame, params: Params) -> None:
    shard = _shown_shard(params)
    of_shard = table[table["shard"] == shard]
    of_shard = of_shard.assign(row=of_shard.groupby("split").cumcount())
    sampled = of_shard.sample(min(MOST, len(of_shard)), random_state=SEED).sort_index()
    packed = {split: arrays.read(Shard(crops, split, shard).pixels_file) for split in SPLITS}
    images = [packed[split][row] for split, row in zip(sampled["split"], sampled["row"], strict=True)]
    title = f"{len(sampled)} of {len(table):,} crops, chosen at random"
    contact_sheets.write(crops / "crops.jpg", title, images, _captions(sampled))


def _tiles(crops: Path, table: pd.DataFrame, params: Params) -> Iterator[tuple[int, Pixels]]:
    """The tiles of all photos that a sheet may show, by their rows in the table."""
    for split, shard in product(SPLITS, params.shards):
        path = Shard(crops, split, shard).tiles_file
        rows = shown(table[(table["split"] == split) & (table["shard"] == shard)], params).index
        tiles = arrays.read(path)
        if len(tiles) != len(rows):
            raise InputError(f"{path}: {len(tiles)} images, but {len(rows)} photos to show; {crop_files.REMEDY}")
        yield from zip(rows, tiles, strict=True)


def _show_photos(sheet: Path, what: str, photos: pd.DataFrame, tiles: Mapping[int, Pixels]) -> None:
    """Show photos whole, with a frame around the crop."""
    first = photos.head(MOST)
    title = f"{len(first)} of {len(photos):,} {what}" if len(photos) else f"no {what}"
    contact_sheets.write(sheet, title, [tiles[row] for row in first.index], _captions(first))


def _captions(table: pd.DataFrame) -> list[str]:
    return [path.replace("/", "\n") for path in table["path"]]
