"""The graph of dvc.yaml as a diagram, Mermaid or SVG: one node per entry, with its models and folds together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text

BLOCK = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)
TEMPLATE = re.compile(r"\$\{([\w.]+)\}")
ANY = "*"
BOX = (94, 40)  # width and height of a stage in pixels
GAP = (18, 14)
LONGEST = 13  # characters of a name that fit into a box
STYLE = """
  rect { fill: #eef2f7; stroke: #23578f } text { fill: #1b2a41; font: 13px system-ui, sans-serif; text-anchor: middle }
  .per { font-size: 10px } path { fill: none; stroke: #6f7782; stroke-width: 1.3 }
  @media (prefers-color-scheme: dark) { rect { fill: #1e252e; stroke: #7fb0e6 } text { fill: #e6ebf2 } }
"""


@dataclass(frozen=True)
class Drawing:
    """The stages of a graph, the keys that each is repeated for, and the stages that each directly needs."""

    repeated: Mapping[str, Sequence[str]]
    needs: Mapping[str, set[str]]

    @classmethod
    def of(cls, root: Path) -> "Drawing":
        """Read dvc.yaml and params.yaml of a project."""
        yaml = YAML(typ="safe")
        stages, params = yaml.load(root / "dvc.yaml")["stages"], yaml.load(root / "params.yaml")
        outs = {name: [_path(out, params) for out in _outs(stage)] for name, stage in stages.items()}
        needs = {
            name: {other for other in stages if other != name and _feeds(outs[other], stage.get("deps", []), params)}
            for name, stage in stages.items()
        }
        repeated = {name: list(stage.get("matrix", {})) for name, stage in stages.items()}
        return cls(repeated, {name: _direct(name, needs) for name in stages})

    def places(self) -> dict[str, tuple[int, int]]:
        """Column and row of every stage: right of all that it needs, and no edge crosses another stage's box."""
        columns: dict[str, int] = {}
        while left := [name for name in self.needs if name not in columns]:
            for name in left:
                if self.needs[name] <= columns.keys():
                    columns[name] = max((columns[need] + 1 for need in self.needs[name]), default=0)
        last = {name: max([columns[to] for to in columns if name in self.needs[to]], default=0) for name in columns}
        taken: set[tuple[int, int]] = set()
        rows: dict[str, int] = {}
        for name in sorted(columns, key=columns.__getitem__):
            wanted = min((rows[need] for need in self.needs[name]), default=0)
            row = next(row for row in range(wanted, len(columns)) if (columns[name], row) not in taken)
            rows[name] = row
            taken |= {(column, row) for column in range(columns[name], max(last[name], columns[name] + 1))}
        return {name: (columns[name], rows[name]) for name in self.needs}


def mermaid(root: Path = Path()) -> str:
    """A flowchart of the stages of a project.

    An edge leads from a stage to each stage that uses its outputs. Edges that follow from others are left out.

    Args:
        root: Folder with dvc.yaml and params.yaml.
    """
    drawing = Drawing.of(root)
    labels = {name: "<br>".join([name, *filter(None, [" x ".join(keys)])]) for name, keys in drawing.repeated.items()}
    nodes = [f'  {name}["{label}"]' for name, label in labels.items()]
    edges = [f"  {parent} --> {name}" for name in labels for parent in labels if parent in drawing.needs[name]]
    return "\n".join(["flowchart LR", *nodes, *edges])


def svg(root: Path = Path()) -> str:
    """The same graph as an SVG file, from left to right."""
    drawing = Drawing.of(root)
    places = drawing.places()
    step = [box + gap for box, gap in zip(BOX, GAP, strict=True)]
    size = [(max(place[axis] for place in places.values()) + 1) * step[axis] for axis in (0, 1)]
    corner = {name: (place[0] * step[0] + GAP[0] // 2, place[1] * step[1] + 8) for name, place in places.items()}
    edges = [_edge(corner[need], corner[name]) for name in places for need in sorted(drawing.needs[name])]
    boxes = [_box(name, drawing.repeated[name], *corner[name]) for name in places]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *edges, *boxes, "</svg>"]) + "\n"


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x, y), (to_x, to_y) = (start[0] + BOX[0], start[1] + BOX[1] // 2), (end[0], end[1] + BOX[1] // 2)
    bend = to_x - GAP[0] // 2
    return f'<path d="M{x} {y}H{to_x - GAP[0]}C{bend} {y} {bend} {to_y} {to_x} {to_y}"/>'


def _box(name: str, keys: Sequence[str], x: int, y: int) -> str:
    middle = x + BOX[0] // 2
    fit = f' textLength="{BOX[0] - 8}" lengthAdjust="spacingAndGlyphs"' if len(name) > LONGEST else ""
    lines = [f'<text x="{middle}" y="{y + (18 if keys else 25)}"{fit}>{name}</text>']
    if keys:
        lines.append(f'<text class="per" x="{middle}" y="{y + 32}">{" x ".join(keys)}</text>')
    return f'<rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>' + "".join(lines)


def replace(page: Path, diagram: str) -> None:
    """Replace the Mermaid block of a Markdown page; raises `InputError` when there is none."""
    text = page.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        raise InputError(f"{page}: no ```mermaid block to replace; add an empty one")
    write_text(page, BLOCK.sub(lambda _: f"```mermaid\n{diagram}\n```", text, count=1))


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
