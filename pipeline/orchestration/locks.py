"""Entries of dvc.lock: the dependencies and outs of each stage, as a file and as text between machines."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.formats.documents import read_text
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_text
from pipeline.foundation.terminal import warn
from pipeline.orchestration import packing
from pipeline.orchestration.graph import Graph, Stage

Entries = dict[str, dict[str, Any]]  # by the stage's name

FILE = Path("dvc.lock")
REMEDY = "take the last good one from git, or delete it: `dvc repro` takes the results from its run-cache"


def read(path: Path = FILE) -> Entries:
    """The entries of a dvc.lock; none when there is no such file."""
    return _parse(read_text(path, REMEDY), str(path)) if path.exists() else {}


def write(entries: Entries, path: Path = FILE) -> None:
    """Replace a dvc.lock, as DVC writes it; a kill at any moment leaves the old one or the new one."""
    write_text(path, _dump(entries))


def set_damaged_aside(path: Path = FILE) -> None:
    """Rename a dvc.lock that DVC cannot read to dvc.lock.damaged, and warn.

    `dvc repro` writes dvc.lock in place, so that a kill may leave a part of it. Without the file DVC asks its run-cache
    for every stage, which has each result that was in it.
    """
    try:
        read(path)
        if not path.exists() or path.read_bytes().endswith(b"\n"):
            return
        fault = f"{path}: ends in the middle of a line"
    except InputError as error:
        fault = str(error)
    aside = path.rename(path.with_name(f"{path.name}.damaged"))
    warn(f"{fault.removesuffix(f'; {REMEDY}')}; set aside as {aside.name}: results come from DVC's run-cache")


def pack(entries: Entries) -> str:
    """Entries as one short word without quotes."""
    return packing.pack(_dump(entries))


def unpack(word: str) -> Entries:
    """The entries of a packed word; raises `InputError` when it is none."""
    return _parse(packing.unpack(word, "lock entries"), "lock entries")


def parse_entry(content: bytes, place: str) -> dict[str, Any]:
    """The entry of one stage from its YAML text; raises `InputError` that names `place` when it is none."""
    from dvc.schema import COMPILED_LOCK_FILE_STAGE_SCHEMA
    from dvc.utils.serialize import parse_yaml

    try:
        return dict(COMPILED_LOCK_FILE_STAGE_SCHEMA(parse_yaml(content.decode(), place)))
    except Exception as error:  # noqa: BLE001  DVC's parser raises what its own code meets: there is no list
        raise InputError(f"{place}: not a lock entry: {error}") from None


def join(words: Iterable[str]) -> Entries:
    """The entries of several packed words together."""
    entries: Entries = {}
    for word in words:
        entries |= unpack(word)
    return entries


def check(entries: Entries, graph: Graph, expected: Iterable[str]) -> None:
    """Raise `InputError` unless there is an entry of exactly the expected stages, each as the graph has it."""
    names = set(expected)
    faults = [f"{name}: no entry" for name in names - set(entries)]
    faults += [f"{name}: an entry that nothing here depends on" for name in set(entries) - names]
    for name in names & set(entries):
        faults += [f"{name}: {fault}" for fault in _differences(entries[name], graph[name])]
    raise_faults(
        "lock entries of another version of the graph; run `python -m pipeline kubeflow compile` and build the image "
        "from one commit, then start again",
        sorted(faults),
    )


def _differences(entry: Mapping[str, Any], stage: Stage) -> Iterable[str]:
    if entry.get("cmd") != stage.command:
        yield f"its command was `{entry.get('cmd')}`; dvc.yaml has `{stage.command}`"
    for key, paths in {"deps": stage.dependencies, "outs": stage.outs}.items():
        found = {each["path"] for each in entry.get(key, [])}
        if found != set(paths):
            yield f"its {key} were {', '.join(sorted(found))}; dvc.yaml has {', '.join(sorted(paths))}"


def _dump(entries: Entries) -> str:
    from dvc.utils.serialize import dumps_yaml

    return str(dumps_yaml({"schema": "2.0", "stages": entries}))


def _parse(text: str, place: str) -> Entries:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import parse_yaml

    try:
        return dict(COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, place)).get("stages", {}))
    except Exception as error:  # noqa: BLE001  DVC's parser raises what its own code meets: there is no list
        raise InputError(f"{place}: not a dvc.lock: {error}; {REMEDY}") from None
