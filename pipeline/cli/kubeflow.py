"""`kubeflow`: the graph as a Kubeflow pipeline."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text
from pipeline.foundation.processes import THREADS
from pipeline.orchestration.kubeflow.server import ADDRESS, NAMESPACE, TOKEN, Server

if TYPE_CHECKING:
    from pipeline.config.params import Params
    from pipeline.orchestration.kubeflow.arguments import Arguments

app = typer.Typer(no_args_is_help=True, help="Compile the graph for Kubeflow, and run it there.")

Remote = Annotated[str | None, typer.Option(help="DVC remote: a folder or s3://... Default: DVC's default remote.")]
Mlflow = Annotated[str | None, typer.Option(help="Address of MLflow. Default: MLFLOW_TRACKING_URI, or mlflow.db.")]
Storage = Annotated[str | None, typer.Option("--remote", help="DVC remote, s3://... Default: kubeflow.remote.")]
Tracking = Annotated[str | None, typer.Option("--mlflow", help="Address of MLflow. Default: kubeflow.mlflow.")]
Experiment = Annotated[str | None, typer.Option(help="MLflow experiment. Default: that of the data set.")]
Overrides = Annotated[list[str], typer.Option("--set-param", "-S", help="Change a parameter, as in `dvc exp run -S`.")]
Recipe = Annotated[str | None, typer.Option(help="Recipe in place of params.yaml; `data` and `kubeflow` are kept.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]
Cache = Annotated[
    bool, typer.Option(help="Start no pod for stages that have not changed; the images must have this code.")
]
Image = Annotated[
    str | None,
    typer.Option(help="Image of stages that run networks, with its tag or digest. Default: kubeflow.image."),
]
SlimImage = Annotated[str | None, typer.Option(help="Image of all other stages. Default: kubeflow.slim_image.")]
Address = Annotated[str, typer.Option("--server", envvar=ADDRESS, help="Address of Kubeflow Pipelines.")]
Namespace = Annotated[str | None, typer.Option(envvar=NAMESPACE, help="Your namespace, on a server of several users.")]


class Engine(StrEnum):
    """What runs the tasks on this machine."""

    subprocess = "subprocess"
    docker = "docker"


@app.command()
def compile(  # noqa: A001 (the word that people type)
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a compiled file is out of date.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Write this file instead, with --recipe, -S or --cache.")] = None,
    recipe: Recipe = None,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    cache: Cache = False,
) -> None:
    """Write pipeline.yaml and components/<stage>.yaml from dvc.yaml and params.yaml.

    Example: python -m pipeline kubeflow compile --check
    """
    from components import compilation
    from pipeline.orchestration.kubeflow.variant import variant

    if output is None:
        if recipe or overrides or cache:
            raise InputError("--recipe, -S and --cache need --output, the file to write")
        compilation.check() if check else compilation.write()
        return
    with variant(recipe, overrides) as root:
        write_text(output, compilation.text(root, Path() if cache else None))


@app.command()
def run(
    engine: Annotated[Engine, typer.Option("--local", help="Run tasks as processes, or in containers.")],
    remote: Remote = None,
    mlflow: Mlflow = None,
    experiment: Experiment = None,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    image: Image = None,
    slim_image: SlimImage = None,
    recipe: Recipe = None,
) -> None:
    """Run pipeline.yaml on this machine, task by task, and leave the dvc.lock that `dvc repro` leaves.

    With --recipe, the recipe is compiled for this run alone: no file here
    changes, and `kubeflow fetch` brings the results.

    Example: python -m pipeline kubeflow run --local subprocess -S models.age.epochs=1
    """
    from components import compilation
    from pipeline.config import params
    from pipeline.orchestration import locks, workspace
    from pipeline.orchestration.kubeflow import local, specification
    from pipeline.orchestration.kubeflow.variant import variant

    read = params.load()
    secrets = read.kubeflow.secrets.values()
    variables = {variable: key for keys in secrets for key, variable in keys.items()} | {THREADS: THREADS}
    found = {name: os.environ.get(name, os.environ.get(key)) for name, key in variables.items()}
    passed = {name: value for name, value in found.items() if value is not None}
    if recipe:
        with variant(recipe, overrides) as root:
            arguments = _arguments(params.load(root / params.FILE), remote, mlflow, experiment, [], image, slim_image)
            write_text(root / specification.FILE, compilation.text(root))
            run_id, _ = local.run(arguments, engine.value, passed, root / specification.FILE, root)
        fetch = f"python -m pipeline kubeflow fetch {run_id} --remote {arguments.remote} --replace-params"
        print(f"`{fetch}` brings its params.yaml, dvc.lock and outputs")
        return
    compilation.check()
    arguments = _arguments(read, remote, mlflow, experiment, overrides, image, slim_image)
    _, entries = local.run(arguments, engine.value, passed)
    locks.write(entries)
    named = f"`dvc remote add --default NAME {workspace.in_full(remote)}` and " if remote else ""
    print(f"dvc.lock: written; {named}`dvc pull` brings what it names")


@app.command()
def submit(
    server: Address,
    namespace: Namespace = None,
    remote: Storage = None,
    mlflow: Tracking = None,
    experiment: Experiment = None,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    image: Image = None,
    slim_image: SlimImage = None,
    recipe: Recipe = None,
    cache: Cache = True,
) -> None:
    """Compile a run, check what it needs, start it on a cluster and follow it. The exit status is 1 if it fails.

    No file here changes, and no image is built: parameters travel with the run.

    Example: python -m pipeline kubeflow submit --server http://localhost:8080 --recipe r1-podium-b3
    """
    from rich.console import Console

    from components import compilation
    from pipeline.config import dry_run, params
    from pipeline.foundation.live_table import board
    from pipeline.orchestration.kubeflow import specification, submission
    from pipeline.orchestration.kubeflow.variant import variant

    with variant(recipe, overrides) as root:
        read = params.load(root / params.FILE)
        dry_run.check(read)
        settings, package = read.kubeflow, root / specification.FILE
        arguments = _arguments(
            read, remote or settings.remote, mlflow or settings.mlflow, experiment, [], image, slim_image
        )
        submission.check(arguments, root)
        write_text(package, compilation.text(root, Path() if cache else None))
        cluster = Server(server, namespace, os.environ.get(TOKEN))
        names = specification.task_names(package, root)
        run_id = submission.submit(cluster, arguments, package, settings.service_account)
    try:
        with board(Console(stderr=True), known="pending") as show:
            submission.wait(cluster, run_id, names, show)
    except KeyboardInterrupt:
        print(f"run {run_id} continues on the cluster")
        raise typer.Exit(130) from None
    print(f"`python -m pipeline kubeflow fetch {run_id}` brings its dvc.lock and outputs here")


@app.command()
def fetch(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of a finished run.")],
    server: Annotated[str | None, typer.Option(envvar=ADDRESS, help="Address of Kubeflow Pipelines.")] = None,
    namespace: Namespace = None,
    remote: Annotated[str | None, typer.Option(help="DVC remote of the run. Default: the server is asked.")] = None,
    replace_params: Annotated[bool, typer.Option("--replace-params", help="Take the run's params.yaml too.")] = False,
) -> None:
    """Bring the dvc.lock and the outputs of a finished run to this folder.

    Example: python -m pipeline kubeflow fetch 1b4e28ba-2fa1-11d2-883f-0016d3cca427 --server http://localhost:8080
    """
    from pipeline.orchestration.kubeflow import fetching

    if remote is None:
        if server is None:
            raise InputError(f"name the server by --server (or {ADDRESS}), or the run's DVC remote by --remote")
        remote = fetching.storage(Server(server, namespace, os.environ.get(TOKEN)), run_id)
    fetching.fetch(run_id, remote, replace_params)
    print(f"dvc.lock and outputs are now those of run {run_id}; `dvc status` confirms it")


@app.command()
def cancel(run_id: Run, server: Address, namespace: Namespace = None) -> None:
    """Cancel a run that has not finished.

    Example: python -m pipeline kubeflow cancel 1b4e28ba-2fa1-11d2-883f-0016d3cca427 --server http://localhost:8080
    """
    Server(server, namespace, os.environ.get(TOKEN)).cancel(run_id)
    print(f"run {run_id}: cancelled; finished stages are in the run-cache, trainings resume after their last epoch")


@app.command()
def retry(run_id: Run, server: Address, namespace: Namespace = None) -> None:
    """Run the failed tasks of a run again; the others keep their results.

    Example: python -m pipeline kubeflow retry 1b4e28ba-2fa1-11d2-883f-0016d3cca427 --server http://localhost:8080
    """
    Server(server, namespace, os.environ.get(TOKEN)).retry(run_id)
    print(f"run {run_id}: the failed tasks start again")


def _arguments(
    read: "Params",
    remote: str | None,
    mlflow: str | None,
    experiment: str | None,
    overrides: list[str],
    image: str | None,
    slim_image: str | None,
) -> "Arguments":
    from pipeline import tracking
    from pipeline.orchestration import remote as storage
    from pipeline.orchestration.kubeflow.arguments import Arguments

    return Arguments(
        remote=storage.resolve(remote),
        mlflow=mlflow or tracking.full_address(),
        experiment=experiment or tracking.experiment(read.experiment),
        overrides=overrides,
        image=image or read.kubeflow.image,
        slim_image=slim_image or read.kubeflow.slim_image,
    )
