"""Where a model comes from: the hashes of the data that it was trained on, and the commit of the code."""

import subprocess
from pathlib import Path

from pipeline import locks
from pipeline.digests import sha256
from pipeline.errors import InputError

STAGE = "relabel"  # reads the photographs' folder, and writes the labels


def tags(root: Path, labels: Path, folds: Path, crops: Path, lock: Path = locks.FILE) -> dict[str, str]:
    """Content hashes of photographs (as dvc.lock has them), labels, folds and crops; the commit, where there is one.

    `uncommitted_changes` tells whether tracked files differ from the commit.
    Raises `InputError` when dvc.lock does not know the photographs.
    """
    train = (root / "train").as_posix()
    known = {each["path"]: each.get("md5") for each in locks.read(lock).get(STAGE, {}).get("deps", [])}
    if not known.get(train):
        raise InputError(f"{lock}: does not know {train}, from which labels and crops come; run `dvc repro`")
    return {"data_photographs": str(known[train])} | hashes(labels, folds, crops) | _commit()


def hashes(labels: Path, folds: Path, crops: Path) -> dict[str, str]:
    """Content hashes of what a training reads: the tables of labels and of folds, and the folder of crops."""
    files = {"data_labels": labels, "data_folds": folds, "data_crops": crops / "train.npy"}
    return {name: sha256(path) for name, path in files.items()}


def _commit() -> dict[str, str]:
    try:
        commit, changes = (
            subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    return {"git_commit": commit, "uncommitted_changes": str(bool(changes)).lower()}
