"""Stage pack: the index of the crops of all shards, with three contact sheets. The crops stay in their shards."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN
from pipeline.faces.config import SETTINGS
from pipeline.faces.config import Crop as Params
from pipeline.faces.doubts import doubts
from pipeline.faces.photo_sizes import PhotoSizes
from pipeline.formats import contact_sheets, crop_files, tables
from pipeline.formats.crop_files import SHARDS, SPLITS
from pipeline.formats.documents import read_text
from pipeline.formats.images import read
from pipeline.foundation.errors import raise_faults
from pipeline.foundation.files import write_text
from pipeline.foundation.terminal import log, warn

SHEET_SIZE = 64
SEED = 777
SMALL = 0.5
"""Share of the photos' shorter side below which a centre crop in pixels is small."""


def pack(data: Path, crops: Path, params: Params) -> None:
    """Write the index of the shards of the stage crop.

    Prints the number of photos without a face and of doubtful ones per split, where `params.method` searches for
    faces, and warns of photos of several sizes, and of large ones, when a setting is in pixels.

    Args:
        data: Folder of the data set, whose photos without a face and with a doubtful one are shown.
        crops: Folder of the crops. Its folder `shards` has a subfolder per shard, each an output of `crop`. Beside it,
            the folder receives for each split, train and eval, <split>.parquet: the tables of all shards one after
            another, with a column `shard`. The sheet crops.jpg shows random crops, misses.jpg photos without a face
            and doubtful.jpg the subject where it is doubtful, at most `SHEET_SIZE` each. settings.json has the
            settings of all crops.
        params: The params of `crop`.

    Raises:
        InputError: When a file of a shard is missing or malformed, a shard was cropped by other settings, or a photo
            that is shown cannot be read.
    """
    _check_settings([crops / SHARDS / str(shard) for shard in params.shards], params)
    write_text(crops / SETTINGS, params.as_json())
    for split in SPLITS:
        tables.write_parts(_tables(crops, split, params), crop_files.index_file(crops, split))
    _show(crops, {"train": data / TRAIN, "eval": data / EVAL}, params)


def _check_settings(folders: Sequence[Path], params: Params) -> None:
    wanted = params.as_json()
    others = [folder for folder in folders if read_text(folder / SETTINGS, "run `dvc repro`") != wanted]
    raise_faults(
        "crops by other settings than params.yaml has; train and eval must be cropped alike: run `dvc repro`",
        [str(folder) for folder in others],
    )


def shown_photos(crops: Path, params: Params) -> dict[str, set[str]]:
    """The names of the photos that the sheets show whole, by split: all that `pack` reads of the photos."""
    joined = {split: pd.concat(_tables(crops, split, params), ignore_index=True) for split in SPLITS}
    table = pd.concat(joined, names=["split", "row"]).reset_index()
    shown = pd.concat([_misses(table, params).head(SHEET_SIZE), _doubtful(table).head(SHEET_SIZE)])
    return {split: set(shown.loc[shown["split"] == split, "path"]) for split in SPLITS}


def shown_shard(params: Params) -> int:
    """The shard whose crops the sheet crops.jpg shows: all that `pack` reads of the crops. The last is never empty."""
    return params.shards[-1]


def _tables(crops: Path, split: str, params: Params) -> Iterator[pd.DataFrame]:
    """The tables of all shards, one after another, each with the number of its shard."""
    for shard in params.shards:
        table = crop_files.table(crops / SHARDS / str(shard), split)
        table.insert(1, "shard", shard)
        yield table


def _misses(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    return table[(table["source"] == "center") & params.searches_faces]


def _doubtful(table: pd.DataFrame) -> pd.DataFrame:
    return table[doubts(table).any(axis=1)]


def _show(crops: Path, folders: dict[str, Path], params: Params) -> None:
    """Write the contact sheets, and print the numbers of photos without a face and with a doubtful one."""
    found = {split: crop_files.table(crops, split) for split in folders}
    table = pd.concat(found, names=["split", "row"]).reset_index()
    _warn_of_sizes(table, params)
    shown = table[table["shard"] == shown_shard(params)]
    _show_crops(crops, shown.sample(min(SHEET_SIZE, len(shown)), random_state=SEED).sort_index(), len(table))
    misses, reasons = _misses(table, params), doubts(table)
    _show_photos(crops / "misses.jpg", "photos without a face", misses, folders, params.max_pixels)
    _show_photos(crops / "doubtful.jpg", "photos with a doubtful subject", _doubtful(table), folders, params.max_pixels)
    for split in folders if params.searches_faces else ():
        missed = (misses["split"] == split).sum()
        log(f"{split}: {missed:,} of {len(found[split]):,} photos without a face: centre crop")
        counts = reasons[table["split"] == split].sum()
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


def _show_crops(crops: Path, sampled: pd.DataFrame, total: int) -> None:
    packed = {split: crop_files.pixels(crops, split) for split in sampled["split"].unique()}
    images = [packed[split][row] for split, row in zip(sampled["split"], sampled["row"], strict=True)]
    contact_sheets.write(
        crops / "crops.jpg", f"{len(sampled)} of {total:,} crops, chosen at random", images, _captions(sampled)
    )


def _show_photos(sheet: Path, what: str, photos: pd.DataFrame, folders: dict[str, Path], max_pixels: int) -> None:
    """Show photos whole, with a frame around the crop."""
    shown = photos.head(SHEET_SIZE)
    images = []
    for split, path, *box in shown[["split", "path", "left", "top", "right", "bottom"]].itertuples(index=False):
        (photo,) = photo_shards.files(folders[split], [path])
        images.append(contact_sheets.framed(read(photo, max_pixels), tuple(box)))
    title = f"{len(shown)} of {len(photos):,} {what}" if len(photos) else f"no {what}"
    contact_sheets.write(sheet, title, images, _captions(shown))


def _captions(table: pd.DataFrame) -> list[str]:
    return [path.replace("/", "\n") for path in table["path"]]
