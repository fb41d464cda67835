"""Train models that classify photos of people, from a folder of photos to a submission and registered models."""

import errno
import os
import sys
import traceback
from typing import Annotated

import typer
from typer._completion_classes import completion_init  # typer calls it only for --install-completion

from pipeline.cli import kubeflow, labels, recipe, stages
from pipeline.cli.ablate import ablate
from pipeline.cli.check import check
from pipeline.cli.compare import compare
from pipeline.cli.completion import VARIABLE, completion
from pipeline.cli.compose import compose
from pipeline.cli.doctor import doctor
from pipeline.cli.export import export
from pipeline.cli.graph import graph
from pipeline.cli.predict import predict
from pipeline.cli.promote import history, promote, rollback
from pipeline.cli.register import register
from pipeline.cli.run import run as run_all
from pipeline.cli.set import set_
from pipeline.cli.shards import shards as write_shards
from pipeline.cli.submit_diff import TwoWords, submit_diff
from pipeline.cli.tracking import app as tracking_app
from pipeline.cli.tune import tune as tune_parameters
from pipeline.foundation import telemetry
from pipeline.foundation.errors import REMEDIES, InputError, describe
from pipeline.foundation.process_settings import tune
from pipeline.foundation.terminal import QUIET, printable

VERBOSE = "PIPELINE_VERBOSE"
app = typer.Typer(cls=TwoWords, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
RUN, DATA, MODELS, STAGES = "Run and compare", "Data and labels", "Models and tracking", "Stages (run by dvc repro)"
app.command("run", rich_help_panel=RUN)(run_all)
app.command(rich_help_panel=RUN)(check)
app.command("set", rich_help_panel=RUN)(set_)
app.add_typer(recipe.app, name="recipe", rich_help_panel=RUN)
app.command(rich_help_panel=RUN)(compare)
app.command(rich_help_panel=RUN)(ablate)
app.command("tune", rich_help_panel=RUN)(tune_parameters)
app.add_typer(kubeflow.app, name="kubeflow", rich_help_panel=RUN)
app.command(rich_help_panel=RUN)(graph)
app.command(rich_help_panel=RUN)(completion)
app.command("submit diff", rich_help_panel=RUN)(submit_diff)
app.command(rich_help_panel=DATA)(doctor)
app.command("shards", rich_help_panel=DATA)(write_shards)
app.add_typer(labels.app, name="labels", rich_help_panel=DATA)
for command in (register, promote, history, rollback, compose, export, predict):
    app.command(rich_help_panel=MODELS)(command)
app.add_typer(tracking_app, name="tracking", rich_help_panel=MODELS)
for stage in stages.COMMANDS:
    app.command(stage.__name__, rich_help_panel=STAGES)(stage)


@app.callback(help=__doc__)
def options(
    context: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results, warnings and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print the traceback of an error.")] = False,
) -> None:
    """Options of every command; they come before its name."""
    os.environ.update({QUIET: "1"} if quiet else {})
    os.environ.update({VERBOSE: "1"} if verbose else {})
    if context.invoked_subcommand in {stage.__name__ for stage in stages.COMMANDS}:
        from pipeline.orchestration.position import announce

        announce()


@app.command(rich_help_panel=RUN)
def accelerators(require: Annotated[int, typer.Option(help="Number of GPUs that must be usable.")]) -> None:
    """Check that torch can use a number of GPUs. The exit status is 1 if it cannot.

    Example: python -m pipeline accelerators --require 2
    """
    from pipeline.modeling.devices import require as check

    check(require)


def main() -> None:
    """Run a command; an `InputError` or an inaccessible file is one message on stderr and exit status 1."""
    tune()
    telemetry.switch_off()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a bar for every file
    try:
        completion_init()
        app(complete_var=VARIABLE)
    except (InputError, OSError, MemoryError) as error:
        if os.environ.get(VERBOSE):
            traceback.print_exception(error)
        print(f"error: {printable(_message(error))}", file=sys.stderr)
        sys.exit(1)


def _message(error: InputError | OSError | MemoryError) -> str:
    if isinstance(error, OSError):
        return describe(error)
    if isinstance(error, MemoryError):
        return f"too little memory: {error or 'no details'}; {REMEDIES[errno.ENOMEM]}"
    return str(error)
