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
    from pipeline import params
    from pipeline.registration import origin, registering
    from pipeline.registration.candidate import candidates
    from pipeline.tracking import registry

    read = params.load()
    tags = origin.tags(read.data.root, labels, folds, crops)
    with registry.told():
        for candidate in candidates(read, models, labels, folds, results):
            version, what = registering.register(candidate, tags)
            print(f"{version}: {what}", flush=True)
