"""Training input: packed crops, against photos that are decoded every time."""

from pathlib import Path

from benchmarks import plain
from benchmarks.photos import config, crops, fold_data, photos_of
from benchmarks.timing import Result, compare

SIZE, COUNT = 224, 160


def measure(root: Path | None) -> list[Result]:
    paths = photos_of(root, COUNT)
    model = config(image_size=SIZE)
    data = fold_data(crops(paths, SIZE), model)
    ours = data.train_loader(data.training, model, (0, 1))
    theirs = plain.loader(paths, SIZE, model.batch_size)
    what = f"training input, {len(paths)} photos at {SIZE}"
    return [compare(what, "4", lambda: list(theirs), lambda: list(ours.at(0)), rounds=7)]
