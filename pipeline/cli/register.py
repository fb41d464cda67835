"""`register`: trained models and the ensemble as versions of the registry."""

from pathlib import Path
from typing import Annotated

import typer


def register(
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
    labels: Annotated[Path, typer.Option(help="Table of corrected labels.")] = Path("data/labels.csv"),
    folds: Annotated[Path, typer.Option(help="Table of folds.")] = Path("data/folds.csv"),
    crops: Annotated[Path, typer.Option(help="Folder of packed crops.")] = Path("data/crops"),
    results: Annotated[Path, typer.Option(help="Folder of the ensemble's results.")] = Path("results/ensemble"),
) -> None:
    """Register what `dvc repro` has made, as challengers; the same content is not registered twice."""
    from pipeline.config import params
    from pipeline.registry import provenance, registration, versions
    from pipeline.registry.candidate import candidates

    read = params.load()
    tags = provenance.tags(read.data.root, labels, folds, crops)
    with versions.told():
        for candidate in candidates(read, models, labels, folds, results):
            version, what = registration.register(candidate, tags)
            print(f"{version}: {what}", flush=True)
