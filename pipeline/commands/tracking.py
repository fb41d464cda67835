"""`tracking`: what MLflow has not been told yet."""

import typer

app = typer.Typer(no_args_is_help=True, help="Runs on their way to MLflow.")


@app.callback()
def _group() -> None:
    """Runs on their way to MLflow."""


@app.command()
def sync() -> None:
    """Send what runs have kept on disk while MLflow could not be reached; exit status 1 when it still cannot."""
    from pipeline import tracking

    sent = tracking.sync()
    print(f"{sent} runs sent to {tracking.address()}" if sent else "nothing waits to be sent")
