"""`ablate`: rows of parameter changes, trained with several seeds and compared on the same people."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.run import Gpus, Jobs, gpu_numbers, progress
from pipeline.foundation.errors import raise_faults
from pipeline.foundation.files import write_text

File = Annotated[Path, typer.Argument(help="File of the ablation (YAML): base, seeds, folds and rows of changes.")]
WIDTH = 160  # of the table in characters; a narrower terminal breaks its lines


def ablate(
    file: File,
    data: Annotated[
        Path | None, typer.Option(help="Data set. Default: `data` of FILE, else data.root of its base.")
    ] = None,
    jobs: Jobs = None,
    gpus: Gpus = "",
    read: Annotated[bool, typer.Option("--read", help="Run nothing; write the table of the finished runs.")] = False,
    folder: Annotated[Path, typer.Option(help="Folder of the runs, a subfolder per row and seed.")] = Path("ablate"),
) -> None:
    """Train variants of the parameters with several seeds, and compare each with its parent variant.

    DVC caches every training: what has run before does not run again,
    and the command continues where it was killed.

    The table (`output` of FILE, as .csv and .md) has the mean and the spread
    over the seeds, and paired bootstrap intervals over people. If a row
    failed, the table says why, and the exit status is 1.

    Example: python -m pipeline ablate experiments/ablation.yaml --jobs 2
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from pipeline import tracking
    from pipeline.experiments import ablation, ablation_table, tasks
    from pipeline.formats import tables
    from pipeline.orchestration import workspace_lock

    this, numbers = ablation.read(file), gpu_numbers(gpus)
    data_set, slots = data or this.data, jobs or max(len(numbers), 1)
    os.environ["MLFLOW_TRACKING_URI"] = tracking.full_address()
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", file.stem)
    runs = this.tasks(folder)
    if read:
        failures = {key: "has not run to its end" for key, task in runs.items() if not task.has_result(data_set)}
    else:
        with workspace_lock.held_runs(folder), progress(slots) as show:
            failed = tasks.run(list(runs.values()), data_set, slots, numbers, show)
        failures = {key: failed[task.name] for key, task in runs.items() if task.name in failed}
    rows = ablation_table.table(this, folder, failures)
    output = this.file.output or folder / file.stem
    tables.write(rows, output.with_suffix(".csv"))
    write_text(output.with_suffix(".md"), ablation_table.markdown(this, data_set, rows, f"{output.name}.csv"))
    shown = Table(*ablation_table.HEADINGS, box=SIMPLE_HEAD)
    for cells in ablation_table.cells(rows):
        shown.add_row(*cells)
    Console(width=max(Console().width, WIDTH)).print(shown)
    print(f"table: {output.with_suffix('.md')}, {output.with_suffix('.csv')}")
    raise_faults(
        f"{len(failures)} of {len(runs)} runs have no result; run the command again to continue",
        [f"{row}, seed {seed}: {reason}" for (row, seed), reason in failures.items()],
    )
