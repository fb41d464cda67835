"""`tracking`: upload the runs that MLflow does not have yet."""

import os
from contextlib import nullcontext
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Runs on their way to MLflow.")


@app.callback()
def _group() -> None:
    """Runs on their way to MLflow."""


@app.command()
def sync(
    remote: Annotated[str | None, typer.Option(help="DVC remote with the outboxes of a cluster's tasks.")] = None,
) -> None:
    """Upload the runs that were kept on disk while MLflow did not answer; exit status 1 when it still does not.

    Example: python -m pipeline tracking sync
    """
    from pipeline import tracking
    from pipeline.orchestration import remote as storage

    os.environ.update(tracking.no_retry_environment())
    with storage.fetched_unsent(storage.resolve(remote), tracking.folder()) if remote else nullcontext():
        sent = tracking.sync()
    print(f"{sent} runs sent to {tracking.displayed()}" if sent else "no runs to send")
