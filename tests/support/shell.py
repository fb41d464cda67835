"""A small project whose stages are shell commands, to be run for real."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.orchestration import graph, remote
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import scratch

PARAMS = {"seed": 1, "models": ["a", "b"], "rates": {"a": 0.1, "b": 0.2}}
RAN = "STAGES_THAT_RAN"  # the variable that names the file in which every command notes that it ran


def command(name: str, work: str) -> str:
    return f"echo {name} >> ${RAN}; {work}"


STAGES = {
    "draw": {
        "cmd": command("draw", "mkdir -p data/sample; echo ${seed} > data/sample/seed; echo 1 > data/sample/one"),
        "deps": ["pipeline/code.py"],
        "params": ["seed"],
        "outs": ["data/sample"],
    },
    "fit": {
        "matrix": {"model": "${models}"},
        "cmd": command(
            "fit@${item.model}",
            "mkdir -p models; grep '  ${item.model}:' params.yaml data/sample/seed > models/${item.model}.txt",
        ),
        "deps": ["data/sample"],
        "params": ["rates.${item.model}"],
        "outs": ["models/${item.model}.txt"],
    },
    "join": {"cmd": command("join", "ls models > joined.txt"), "deps": ["models"], "outs": ["joined.txt"]},
}


class Project:
    """A folder with that graph and code, and how its stages run apart from each other through a DVC remote."""

    def __init__(self, root: Path, **stages: dict[str, Any]) -> None:
        self.root = root
        (root / "pipeline").mkdir(parents=True)
        (root / "pipeline" / "code.py").touch()
        (root / ".dvcignore").touch()
        YAML().dump({"stages": STAGES | stages}, root / "dvc.yaml")
        YAML().dump(PARAMS, root / "params.yaml")
        self.notes = root / "ran"

    def run(self, storage: str, name: str, parents: Entries, overrides: Sequence[str] = ()) -> Entries:
        """One stage in a workspace of its own."""
        with scratch(storage, overrides, project=self.root) as root:
            return remote.run(root, name, parents)

    def run_all(self, storage: str, overrides: Sequence[str] = ()) -> Entries:
        """All stages, each in a workspace of its own."""
        entries: Entries = {}
        for name, stage in graph.read(self.root).items():
            entries |= self.run(storage, name, {parent: entries[parent] for parent in stage.parents}, overrides)
        return entries

    def ran(self) -> list[str]:
        """The stages whose command has run since this was last asked."""
        names = self.notes.read_text().split() if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return names


def outs(entries: Entries) -> dict[str, str]:
    """Hash of every output, by path."""
    return {out["path"]: out["md5"] for entry in entries.values() for out in entry["outs"]}
