"""Where a model comes from: the hashes of the data that it was trained on, and the commit of the code."""

import hashlib
import subprocess
from pathlib import Path

from pipeline import locks
from pipeline.errors import InputError

STAGE = "relabel"  # reads the photographs' folder, and writes the labels


def tags(root: Path, labels: Path, lock: Path = locks.FILE) -> dict[str, str]:
    """Content hashes of the photographs (as dvc.lock has them) and labels, and the commit, where there is one.

    `uncommitted_changes` tells whether tracked files differ from the commit.
    Raises `InputError` when dvc.lock does not know the photographs.
    """
    train = (root / "train").as_posix()
    known = {each["path"]: each.get("md5") for each in locks.read(lock).get(STAGE, {}).get("deps", [])}
    if not known.get(train):
        raise InputError(f"{lock}: does not know {train}, from which labels and crops come; run `dvc repro`")
    with labels.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"data_photographs": str(known[train]), "data_labels": digest} | _commit()


def _commit() -> dict[str, str]:
    try:
        commit, changes = (
            subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    return {"git_commit": commit, "uncommitted_changes": str(bool(changes)).lower()}
