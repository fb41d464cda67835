"""`tracking`: upload the runs that MLflow does not have yet."""

import os
from contextlib import nullcontext
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Upload runs that were kept on disk.")


@app.callback()
def _group() -> None:
    """Upload runs that were kept on disk."""


@app.command()
def sync(
    remote: Annotated[str | None, typer.Option(help="DVC remote that holds the outboxes of a cluster's tasks.")] = None,
) -> None:
    """Upload the runs that were kept on disk because MLflow did not answer. The exit status is 1 if some remain.

    Example: python -m pipeline tracking sync
    """
    from pipeline import tracking
    from pipeline.orchestration import remote as storage

    os.environ.update(tracking.no_retry_environment())
    with storage.fetched_unsent(storage.resolve(remote), tracking.folder()) if remote else nullcontext():
        sent = tracking.sync()
    print(f"{sent} runs uploaded to {tracking.displayed()}" if sent else "no runs to upload")
