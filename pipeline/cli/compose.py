"""`compose`: an ensemble of the champions of several models."""

from typing import Annotated

import typer


def compose(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help="Keys of `models`. Default: all models of train.models.")
    ] = None,
) -> None:
    """Pin registered champions in params.yaml, by version and content. `dvc repro` then fetches their weights.

    A later promotion changes nothing here until the next `compose`.

    Example: python -m pipeline compose mask age
    """
    from pipeline.config import params
    from pipeline.foundation.errors import raise_faults
    from pipeline.registry import ENSEMBLE, pinning, versions

    read = params.load()
    names = models or list(read.train.models)
    raise_faults(f"{params.FILE}: no such models", [name for name in names if name not in read.models])
    with versions.as_input_errors():
        champions = {name: versions.by_alias(f"{ENSEMBLE}-{name}", versions.CHAMPION) for name in names}
        missing = [f"{ENSEMBLE}-{name}" for name, version in champions.items() if version is None]
        raise_faults("models without a champion; `python -m pipeline promote --model NAME` sets one", missing)
        pins = {name: pinning.pin(version) for name, version in champions.items() if version}
    pinning.write(pins, read.models, params.FILE)
    for name, (_, pinned) in pins.items():
        print(f"{params.FILE}: models.{name} is pinned to {pinned.version}")
