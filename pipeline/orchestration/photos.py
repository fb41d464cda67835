"""The files of photos and crops that a stage reads. Of all others a task needs the names alone."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from pipeline.config import params
from pipeline.config.params import Params
from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN
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
    if stage.kind == PACK:
        from pipeline.stages.pack import reads

        yield partial(reads, params=params.load(root / params.FILE).crop)
    elif stage.kind in (*NAMES_ALONE, CROP):
        yield from _of_photos(stage, root, params.load(root / params.FILE))
    else:
        yield lambda _: True


def _of_photos(stage: Stage, root: Path, read: Params) -> Iterator[Wanted]:
    """All but photos; then the photos, or archives, of the stage's shard."""
    data = root / read.data.root
    folders = {"train": data / TRAIN, "eval": data / EVAL}
    yield lambda path: path.name == photo_shards.INDEX or not any(map(path.is_relative_to, folders.values()))
    if stage.kind == CROP:
        from pipeline.stages.crop import shard_photos

        labels = next(root / path for path in stage.dependencies if Path(path).name == "labels.parquet")
        names = shard_photos(int(stage.name.partition("@")[2]), data, labels, read.crop)
        sources = (photo_shards.sources(folders[split], list(names[split])) for split in names)
        yield set(chain.from_iterable(sources)).__contains__
