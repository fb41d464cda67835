"""The photos, or archives of photos, that a stage reads. Of all others a task needs the names alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.config import params
from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN
from pipeline.faces.config import Crop
from pipeline.orchestration.graph import Stage

Wanted = Callable[[Path], bool]
NAMES_ALONE = ("relabel", "submit")  # stages that check which photos there are
CROP, PACK = "crop", "pack"


def selections(stage: Stage, root: Path) -> Iterator[Wanted]:
    """What to fetch of a stage's dependencies, one selection after another.

    A selection may read what those before it have brought: a shard of photos is known from the table of labels.

    Args:
        stage: The stage.
        root: The workspace.

    Yields:
        Whether the content of a file, by its absolute path, belongs to the selection.
    """
    if stage.kind not in (*NAMES_ALONE, CROP, PACK):
        yield lambda _: True
        return
    read = params.load(root / params.FILE)
    data = root / read.data.root
    folders = {"train": data / TRAIN, "eval": data / EVAL}
    yield (
        lambda path: (
            path.name == photo_shards.INDEX
            or not (any(map(path.is_relative_to, folders.values())) or _is_other_shard(path, stage, read.crop))
        )
    )
    names = _named(stage, root, data, read.crop)
    yield {file for split in names for file in photo_shards.sources(folders[split], list(names[split]))}.__contains__


def _named(stage: Stage, root: Path, data: Path, crop: Crop) -> Mapping[str, Iterable[str]]:
    """The names of the photos that a stage reads, by split."""
    if stage.kind == CROP:
        from pipeline.stages.crop import shard_photos

        return shard_photos(int(stage.name.partition("@")[2]), data, root / _dependency(stage, "labels.parquet"), crop)
    if stage.kind == PACK:
        from pipeline.stages.pack import shown_photos

        return shown_photos((root / _dependency(stage, "shards")).parent, crop)
    return {}


def _is_other_shard(path: Path, stage: Stage, crop: Crop) -> bool:
    """Whether a file has crops that `pack` does not show; of these shards it reads the tables."""
    if stage.kind != PACK or path.suffix != ".npy":
        return False
    from pipeline.stages.pack import shown_shard

    return path.parent.name != str(shown_shard(crop))


def _dependency(stage: Stage, name: str) -> str:
    return next(path for path in stage.dependencies if Path(path).name == name)
