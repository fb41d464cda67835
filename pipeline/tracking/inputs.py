"""The inputs of a run: data sets by DVC's hash, and their counts."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.foundation.processes import STAGE

LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Input:
    """A table: its path in the project, DVC's hash of it, and counts (rows, people) by name."""

    path: str
    digest: str
    counts: dict[str, int]

    @classmethod
    def of(cls, path: Path) -> "Input":
        """Hash the file of a table, and count its rows and, if it names them, its people."""
        return cls(path.as_posix(), content(path), _counts(path))

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
    """DVC's hash of a file: from dvc.lock in a stage that DVC runs, else computed as DVC does."""
    known = _locked().get(path.as_posix()) if STAGE in os.environ else None
    return known or _of_file(path)


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


def _counts(table: Path) -> dict[str, int]:
    from pipeline.formats import tables

    rows = {"rows": tables.count(table)}
    if "person" not in tables.names(table):
        return rows
    people = {person for batch in tables.batches(table, {"person": "text"}) for person in batch["person"].unique()}
    return rows | {"people": len(people)}
