"""The graph of dvc.yaml as a Mermaid diagram: one node per entry, with its models and folds together."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text

BLOCK = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)
TEMPLATE = re.compile(r"\$\{([\w.]+)\}")
ANY = "*"


def mermaid(root: Path = Path()) -> str:
    """A flowchart of the stages of a project.

    An edge leads from a stage to each stage that uses its outputs. Edges that follow from others are left out.

    Args:
        root: Folder with dvc.yaml and params.yaml.
    """
    yaml = YAML(typ="safe")
    stages, params = yaml.load(root / "dvc.yaml")["stages"], yaml.load(root / "params.yaml")
    outs = {name: [_path(out, params) for out in _outs(stage)] for name, stage in stages.items()}
    needs = {
        name: {other for other in stages if other != name and _feeds(outs[other], stage.get("deps", []), params)}
        for name, stage in stages.items()
    }
    nodes = [f'  {name}["{_label(name, stage)}"]' for name, stage in stages.items()]
    edges = [f"  {parent} --> {name}" for name in stages for parent in stages if parent in _direct(name, needs)]
    return "\n".join(["flowchart LR", *nodes, *edges])


def replace(page: Path, diagram: str) -> None:
    """Replace the Mermaid block of a Markdown page; raises `InputError` when there is none."""
    text = page.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        raise InputError(f"{page}: no ```mermaid block to replace; add an empty one")
    write_text(page, BLOCK.sub(lambda _: f"```mermaid\n{diagram}\n```", text, count=1))


def _label(name: str, stage: Mapping[str, Any]) -> str:
    return (
        " x ".join([f"{name}<br>{key}" if at == 0 else key for at, key in enumerate(stage.get("matrix", {}))]) or name
    )


def _outs(stage: Mapping[str, Any]) -> Iterable[str]:
    """Paths of the outs, metrics and plots of a stage."""
    for part in ("outs", "metrics", "plots"):
        for out in stage.get(part, []):
            yield out if isinstance(out, str) else next(iter(out))


def _path(text: str, params: Any) -> tuple[str, ...]:
    """The parts of a path; a template that stands for several values is `ANY`."""

    def value(match: re.Match[str]) -> str:
        found = params
        for key in match[1].split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, str) else ANY

    return Path(TEMPLATE.sub(value, text)).parts


def _feeds(outs: Iterable[tuple[str, ...]], deps: Iterable[str], params: Any) -> bool:
    """Whether an out is, contains or lies below a dependency."""
    needed = [_path(dep, params) for dep in deps]
    return any(_meet(out, dep) for out in outs for dep in needed)


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return all(a == b or ANY in (a, b) for a, b in zip(one, other, strict=False))


def _direct(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    """The parents of a stage that are no ancestors of another parent."""
    return needs[name] - {far for parent in needs[name] for far in _ancestors(parent, needs)}


def _ancestors(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    return needs[name] | {far for parent in needs[name] for far in _ancestors(parent, needs)}
