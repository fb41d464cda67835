"""`tracking`: what MLflow has not been told yet."""

from contextlib import nullcontext
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Runs on their way to MLflow.")


@app.callback()
def _group() -> None:
    """Runs on their way to MLflow."""


@app.command()
def sync(
    remote: Annotated[str | None, typer.Option(help="DVC remote in which tasks of a cluster have left theirs.")] = None,
) -> None:
    """Send what runs have kept on disk while MLflow could not be reached; exit status 1 when it still cannot."""
    from pipeline import tracking
    from pipeline.orchestration import remote as storage

    with storage.fetched_unsent(storage.resolve(remote), tracking.folder()) if remote else nullcontext():
        sent = tracking.sync()
    print(f"{sent} runs sent to {tracking.displayed()}" if sent else "nothing waits to be sent")
