"""Run all benchmarks, or the named ones. A run of all writes the table in docs/benchmarks.md."""

import os
import tempfile
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks import page

BENCHMARKS = (
    "crop",
    "loader",
    "step",
    "waiting",
    "ensemble",
    "predict",
    "tables",
    "rows",
    "million",
    "startup",
    "task",
    "graph",
    "run",
    "growth",
    "gpu",
)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Some of {', '.join(BENCHMARKS)}; all without one.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data set. Default: the synthetic sample.")] = None,
    output: Annotated[Path, typer.Option(help="Page with the table to write.")] = Path("docs/benchmarks.md"),
) -> None:
    """Run all benchmarks, or the named ones, against reference code."""
    unknown = set(names or ()) - set(BENCHMARKS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}")
    results = []
    with TemporaryDirectory(prefix="benchmark-") as scratch:
        os.environ["TMPDIR"] = tempfile.tempdir = scratch  # of this process and of those that it starts
        for name in names or BENCHMARKS:
            found = import_module(f"benchmarks.{name}").measure(data)
            page.show(found)
            results += found
    if not names:
        page.write(output, results, "a folder of photos" if data else "the synthetic sample")


if __name__ == "__main__":
    typer.run(main)
