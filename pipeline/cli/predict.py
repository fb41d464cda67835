"""`predict`: the predictions of a registered model."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.terminal import printable, warn
from pipeline.registry import ENSEMBLE

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.formats.images import PhotoFile
    from pipeline.registry.versions import Version

CHAMPION = f"models:/{ENSEMBLE}@champion"
TRUSTED = "PIPELINE_TRUSTED_MODELS"  # environment variable: names of models whose code may run, with commas


class Format(StrEnum):
    """File formats of the predictions."""

    csv = "csv"
    jsonl = "jsonl"


def predict(
    photos: Annotated[list[Path], typer.Argument(help="Photos, folders of them, or tables like info.csv.")],
    model: Annotated[
        str | None,
        typer.Option(
            help=f"models:/NAME@ALIAS or models:/NAME/VERSION. Default: {CHAMPION}; without one, the challenger."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
    format: Annotated[Format, typer.Option(help="CSV, or one JSON object per line.")] = Format.csv,  # noqa: A002
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out photos that cannot be read.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Allow a version that was registered with other code to run that code.")
    ] = False,
) -> None:
    """Predict mask, gender and age of photos, one row per photo, in the given order.

    A folder stands for all photos in it; a table such as info.csv for the
    photos of its column ImageID, in the folder images/ beside it.

    A version runs with the code that it was registered with. Code that differs
    from the code here runs only with --trust, or if PIPELINE_TRUSTED_MODELS
    names the model.

    Example: python -m pipeline predict photos/ --output predictions.csv
    """
    from pipeline.dataset.input_paths import find_photos, place, skipped_message
    from pipeline.foundation import files
    from pipeline.registry import packaging, versions

    found, skipped = find_photos(photos)
    if skipped:
        print(printable(skipped_message(skipped)), file=sys.stderr)
    paths = _readable(found, skip_broken)
    with versions.as_input_errors():
        version = versions.find(model) if model else _champion_or_challenger()
    with packaging.downloaded(version) as folder:
        with versions.as_input_errors():
            predictor = _load(folder, version, trust)
        predictions = predictor.predict([str(photo) if isinstance(photo, Path) else photo for photo in paths])
    text = _text(predictions, [*map(place, paths)], format)
    if output is None:
        print(text, end="")
    else:
        files.write_text(output, text)
    print(f"{len(paths):,} photos predicted by {version}", file=sys.stderr)


def _champion_or_challenger() -> "Version":
    """The champion; before there is one, the challenger, with a warning."""
    from pipeline.registry import versions

    if versions.by_alias(ENSEMBLE, versions.CHAMPION):
        return versions.find(CHAMPION)
    if challenger := versions.by_alias(ENSEMBLE, versions.CHALLENGER):
        warn(f"no champion yet: using the challenger, {challenger}; `python -m pipeline promote` makes it champion")
        return challenger
    return versions.find(CHAMPION)  # raises, with what there is


def _readable(paths: Sequence["PhotoFile"], skip_broken: bool) -> list["PhotoFile"]:
    """The photos that can be read; raises `InputError` for the others unless they are skipped."""
    from pipeline.formats.images import faults

    found = faults(paths)
    broken = [fault for fault in found if fault]
    if not skip_broken:
        raise_faults("photos that cannot be read; --skip-broken leaves them out", broken)
    if len(broken) == len(paths):
        raise_faults("no photo can be read", broken)
    for fault in broken:
        print(f"left out: {printable(fault)}", file=sys.stderr)
    return [path for path, fault in zip(paths, found, strict=True) if not fault]


def _load(folder: Path, version: "Version", trust: bool) -> Any:
    """The model in a folder, run by the code here if it was registered with this code, else by its own if trusted."""
    from pipeline.registry import packaging

    foreign = packaging.foreign_code(folder)
    if not foreign:
        return packaging.load_with_own_code(folder)
    if not trust and version.name not in os.environ.get(TRUSTED, "").split(","):
        raise InputError(
            f"{version} was registered with other code than is here ({len(foreign)} files, e.g. "
            f"{printable(foreign[0])}), which would run with your permissions; run it with --trust, or name "
            f"{version.name} in {TRUSTED}"
        )
    print(f"{version}: running the code that it was registered with", file=sys.stderr)
    return packaging.load(str(folder))


def _text(predictions: "pd.DataFrame", photos: Sequence[Path], format: Format) -> str:  # noqa: A002
    from pipeline.formats import tables
    from pipeline.formats.spreadsheets import without_formulas

    names = [str(photo) for photo in photos]
    if format is Format.jsonl:
        return _lines(predictions.assign(photo=names)[["photo", *predictions]].to_dict(orient="records"))
    predictions.insert(0, "photo", names)
    return tables.text(without_formulas(predictions))


def _lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
