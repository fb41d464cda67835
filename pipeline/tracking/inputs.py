"""The inputs of a run: data sets by DVC's hash, and their counts."""

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.tracking.provenance import STAGE

LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Input:
    """A file or folder: its path in the project, DVC's hash of it, and counts (rows, people) by name."""

    path: str
    digest: str
    counts: dict[str, int]

    @classmethod
    def of(cls, path: Path) -> "Input":
        """Hash a path, and count the rows and people of a table, or the rows of every table of a folder."""
        tables = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        counts = {key: number for table in tables for key, number in _counts(table, path.is_dir()).items()}
        return cls(path.as_posix(), content(path), counts)

    def dataset(self) -> dict[str, str]:
        """The fields of MLflow's `Dataset`."""
        source = {"uri": self.path}
        return {
            "name": Path(self.path).name,
            "digest": self.digest,
            "source_type": "local",
            "source": json.dumps(source),
            "profile": json.dumps(self.counts),
        }


def content(path: Path) -> str:
    """DVC's hash of a file or folder: from dvc.lock in a stage that DVC runs, else computed as DVC does."""
    known = _locked().get(path.as_posix()) if STAGE in os.environ else None
    return known or (_of_folder(path) if path.is_dir() else _of_file(path))


def lock(inputs: Sequence[Input], outs: Sequence[Path]) -> dict[str, Any]:
    """The data of a stage's entry in dvc.lock, before DVC writes it at the end of the stage."""
    return {
        "stage": os.environ.get(STAGE),
        "deps": [{"path": each.path, "md5": each.digest} for each in inputs],
        "outs": [{"path": out.as_posix(), "md5": _of_file(out), "size": out.stat().st_size} for out in outs],
    }


@cache
def _locked() -> dict[str, str]:
    """The hashes of the outputs of earlier stages, by path."""
    stages = YAML(typ="safe").load(LOCK)["stages"] if LOCK.exists() else {}
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _of_folder(path: Path) -> str:
    files = sorted((file.relative_to(path).parts, file) for file in path.rglob("*") if file.is_file())
    listed = [{"md5": _of_file(file), "relpath": "/".join(parts)} for parts, file in files]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _counts(table: Path, in_folder: bool) -> dict[str, int]:
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if in_folder:
        return {table.stem: len(rows)}
    people = {row["person"] for row in rows if "person" in row}
    return {"rows": len(rows)} | ({"people": len(people)} if people else {})
