"""Clean clones of the project with the fewest stages, compiled for Kubeflow, and how the compiled file runs here."""

import re
import shutil
import sys
from copy import copy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.orchestration import locks
from pipeline.orchestration.locks import Entries
from tests.support.workspace import PARAMS, ROOT, Workspace

TINY: dict[str, Any] = PARAMS | {
    "crop": {"size": 48, "shards": [0]},
    "train": {"models": ["face", "years"], "folds": [0]},
    "refit": {"models": []},
    "pseudo_label": {"models": [], "share": 0.5, "weight": 0.5},
    "models": {name: model | {"epochs": 1} for name, model in PARAMS["models"].items()},
}
AGE = {"train@years-0", "infer@years-0", "ensemble", "submit", "report"}
ALL = AGE | {"sample", "relabel", "crop@0", "pack", "split", "train@face-0", "infer@face-0"}


class Clone(Workspace):
    """A clone in which nothing has run, with a DVC remote."""

    def __init__(self, root: Path, storage: Path) -> None:
        super().__init__(root)
        shutil.copytree(ROOT / "components", root / "components")
        YAML().dump(TINY, root / "params.yaml")
        self.dvc("remote", "add", "--default", "storage", str(storage))
        self.kubeflow("compile")

    def copy(self, root: Path) -> "Clone":
        clone = copy(self)
        clone.root = shutil.copytree(self.root, root)
        return clone

    def kubeflow(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "pipeline", "kubeflow", *arguments)

    def run_locally(self, *arguments: str, engine: str = "subprocess") -> set[str]:
        """Run the compiled pipeline on this machine; the stages whose command ran."""
        said = self.kubeflow("run", "--local", engine, *arguments)
        return set(re.findall(r"^ *Running stage '(.*)'", said, re.MULTILINE))

    def lock(self) -> Entries:
        return locks.read(self.root / locks.FILE)


def without_sizes(entries: Entries) -> Entries:
    """Entries without the sizes of dependencies: a task does not know that of a folder that it has not fetched."""
    return {
        name: entry | {"deps": [{key: dep[key] for key in dep if key != "size"} for dep in entry["deps"]]}
        for name, entry in entries.items()
    }
