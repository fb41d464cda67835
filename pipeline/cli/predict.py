"""`predict`: what a registered model says of photos."""

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.registry import ENSEMBLE

CHAMPION = f"models:/{ENSEMBLE}@champion"


class Format(StrEnum):
    """How answers are written."""

    csv = "csv"
    jsonl = "jsonl"


def predict(
    photos: Annotated[list[Path], typer.Argument(help="Photos, folders of them, or tables like info.csv.")],
    model: Annotated[str, typer.Option(help="models:/NAME@ALIAS, or models:/NAME/VERSION.")] = CHAMPION,
    output: Annotated[Path | None, typer.Option(help="File to write; else the answers are printed.")] = None,
    format: Annotated[Format, typer.Option(help="A table, or an object a line.")] = Format.csv,  # noqa: A002
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out what cannot be read.")] = False,
) -> None:
    """Tell mask, gender and age of photos, a row each, in their order; a table names its `ImageID` in images/."""
    from pipeline.dataset.input_paths import listed, skipped_message
    from pipeline.formats import tables
    from pipeline.formats.images import faults
    from pipeline.foundation.errors import raise_faults
    from pipeline.foundation.files import write_text
    from pipeline.registry import packaging, versions

    paths, skipped = listed(photos)
    if skipped:
        print(skipped_message(skipped), file=sys.stderr)
    found = faults(paths)
    broken = [fault for fault in found if fault]
    if not skip_broken:
        raise_faults("photos that cannot be read; --skip-broken leaves them out", broken)
    if len(broken) == len(paths):
        raise_faults("no photo can be read", broken)
    for fault in broken:
        print(f"left out: {fault}", file=sys.stderr)
    paths = [path for path, fault in zip(paths, found, strict=True) if not fault]
    with versions.as_input_errors():
        version = versions.find(model)
        loaded = packaging.load(version.uri)
    answers = loaded.predict([str(path) for path in paths])
    answers.insert(0, "photo", [str(path) for path in paths])
    text = tables.text(answers) if format is Format.csv else _lines(answers.to_dict(orient="records"))
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
    print(f"{len(paths):,} photos answered by {version}", file=sys.stderr)


def _lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
