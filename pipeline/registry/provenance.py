"""Where a model comes from: the hashes of the data that it was trained on, and the commit of the code."""

from pathlib import Path

from pipeline.foundation.errors import InputError
from pipeline.foundation.hashes import sha256
from pipeline.orchestration import locks
from pipeline.tracking.provenance import commit

STAGE = "relabel"  # reads the photos' folder, and writes the labels


def tags(root: Path, labels: Path, folds: Path, crops: Path, lock: Path = locks.FILE) -> dict[str, str]:
    """Content hashes of photos (as dvc.lock has them), labels, folds and crops; the commit, where there is one.

    Raises `InputError` when dvc.lock does not know the photos.
    """
    train = (root / "train").as_posix()
    known = {each["path"]: each.get("md5") for each in locks.read(lock).get(STAGE, {}).get("deps", [])}
    if not known.get(train):
        raise InputError(f"{lock}: does not know {train}, from which labels and crops come; run `dvc repro`")
    return {"data_photos": str(known[train])} | hashes(labels, folds, crops) | commit()


def hashes(labels: Path, folds: Path, crops: Path) -> dict[str, str]:
    """Content hashes of what a training reads: the tables of labels and of folds, and the folder of crops."""
    files = {"data_labels": labels, "data_folds": folds, "data_crops": crops / "train.npy"}
    return {name: sha256(path) for name, path in files.items()}
