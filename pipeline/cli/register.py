"""`register`: trained models and the ensemble as versions of the registry."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Crops, Folds, Labels, Models

LOCAL = "http://127.0.0.1:5000"  # where `make ui` serves


def register(
    models: Models = Path("models"),
    labels: Labels = Path("data/labels.parquet"),
    folds: Folds = Path("data/folds.parquet"),
    crops: Crops = Path("data/crops"),
    results: Annotated[Path, typer.Option(help="Folder of the ensemble's results.")] = Path("results/ensemble"),
) -> None:
    """Register the trained models and the ensemble as challengers. The same content is not registered twice.

    Example: python -m pipeline register
    """
    from pipeline.config import params
    from pipeline.ensembling.members import EnsembleMembers
    from pipeline.orchestration import locks
    from pipeline.registry import registration, versions
    from pipeline.registry.candidate import candidates, data_tags
    from pipeline.tracking import store
    from pipeline.tracking.inputs import Input

    read = params.load()
    tags, table = data_tags(locks.read(), read.data.root, labels, folds, crops), Input.of(labels)
    members = EnsembleMembers.of(models, read.train, read.refit, read.pseudo_label)
    with versions.as_input_errors():
        for candidate in candidates(members, read.models, read.tta, read.crop, labels, folds, crops, results):
            version, state = registration.register(candidate, tags, table, read.experiment)
            print(f"{version}: {state}", flush=True)
        page = store.page(store.connect(), store.experiment(read.experiment), LOCAL)
    print(f"runs and scores: {page}{' (`make ui` serves it)' if store.local_database() else ''}")
