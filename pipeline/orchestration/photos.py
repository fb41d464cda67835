"""The files of photos and crops that a stage reads. Of all others a task needs the names alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, starmap
from pathlib import Path

from pipeline.config import params
from pipeline.config.params import Params
from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN
from pipeline.orchestration.graph import Stage

Wanted = Callable[[Path], bool]
NAMES_ALONE = ("relabel", "submit")  # stages that check which photos there are
CROP, PACK = "crop", "pack"


@dataclass(frozen=True)
class Selection:
    """What a stage reads of its dependencies.

    Attributes:
        wanted: Whether it reads the content of a file, by its absolute path.
        parts: Digests of the parts of files that it reads, by their absolute paths, where it reads but a part.
    """

    wanted: Wanted
    parts: Mapping[Path, str] = field(default_factory=dict)


def selections(stage: Stage, root: Path) -> Iterator[Callable[[], Selection]]:
    """What a stage reads of its dependencies, one selection after another.

    A selection may read what those before it have brought: a shard of photos is known from the table of labels.

    Args:
        stage: The stage.
        root: The workspace.
    """
    if stage.kind == PACK:
        yield partial(_crops, root)
    elif stage.kind in (*NAMES_ALONE, CROP):
        read = params.load(root / params.FILE)
        folders = {"train": root / read.data.root / TRAIN, "eval": root / read.data.root / EVAL}
        yield lambda: Selection(
            lambda path: path.name == photo_shards.INDEX or not any(map(path.is_relative_to, folders.values()))
        )
        if stage.kind == CROP:
            yield partial(_photos, stage, root, read, folders)
    else:
        yield lambda: Selection(lambda _: True)


def _crops(root: Path) -> Selection:
    from pipeline.stages.pack import reads

    return Selection(partial(reads, params=params.load(root / params.FILE).crop))


def _photos(stage: Stage, root: Path, read: Params, folders: Mapping[str, Path]) -> Selection:
    """The photos, or archives, of a shard."""
    from pipeline.stages.crop import shard_photos

    labels = next(root / path for path in stage.dependencies if Path(path).name == "labels.parquet")
    names = shard_photos(int(stage.name.partition("@")[2]), root / read.data.root, labels, read.crop)
    places = [(folders[split], list(names[split])) for split in names]
    files = set(chain.from_iterable(starmap(photo_shards.sources, places)))
    parts = {folder / photo_shards.INDEX: photo_shards.digest(folder, names) for folder, names in places}
    return Selection(files.__contains__, parts)
