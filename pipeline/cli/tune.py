"""`tune`: search parameters with Optuna, choose by other seeds, and score on people who chose nothing."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.run import Gpus, Jobs, gpu_numbers, progress
from pipeline.foundation.files import write_text

File = Annotated[Path, typer.Argument(metavar="SPACE", help="File of the search (YAML): base, space, budget, seeds.")]


def tune(
    file: File,
    data: Annotated[
        Path | None, typer.Option(help="Data set. Default: `data` of SPACE, else data.root of its base.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="Database of the trials: sqlite:///... or postgresql://... Default: FOLDER/*.db."),
    ] = None,
    jobs: Jobs = None,
    gpus: Gpus = "",
    folder: Annotated[Path, typer.Option(help="Folder of the trials, one subfolder each.")] = Path("tune"),
) -> None:
    """Search parameters with Optuna. Poor trials are stopped early, and a killed search can be resumed.

    The best trials are trained again with other seeds. The one with the
    highest lower bound of its interval is chosen, and scored together with the
    base on people whose scores were not used for the choice.

    The command writes a recipe (`output` of SPACE), a page and a table.

    Several machines can share a search through one PostgreSQL storage, each
    with a folder of its own.

    Example: python -m pipeline tune space.yaml --gpus 0,1
    """
    from functools import partial

    from pipeline import tracking
    from pipeline.evaluation import plots
    from pipeline.experiments import choice, search, search_page, space
    from pipeline.experiments.changes import run_params
    from pipeline.formats import tables

    this, numbers = space.read(file), gpu_numbers(gpus)
    root, slots = data or this.data, jobs or max(len(numbers), 1)
    os.environ["MLFLOW_TRACKING_URI"] = tracking.full_address()
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "tune")
    folder.mkdir(parents=True, exist_ok=True)
    study = search.study_of(this, storage or f"sqlite:///{(folder / file.stem).resolve()}.db")
    named = study.user_attrs.get("run") or tracking.run_name(f"tune {file.stem}", time.time())
    study.set_user_attr("run", named)
    os.environ[tracking.PIPELINE_RUN] = named
    with progress(slots) as show:
        search.TrialRunner(this, study, folder, root, slots).run(numbers, show)
        candidates = choice.FinalRound(this, folder, root, slots, numbers, show)
        found = candidates.choose(search.ranked(study))
    output = this.file.output or folder / f"{file.stem}.yaml"
    described = search_page.summary(this, study, found, output)
    page = folder / f"{file.stem}.html"
    write_text(output, search_page.recipe(this, found, described))
    write_text(page, search_page.html(this, study, found, output))
    tables.write(search_page.table(this, study), folder / f"{file.stem}.csv")
    with tracking.run("tune", {"stage": "tune"}, run_params(found.changes), "tune") as run:
        for each in (run, run.pipeline):
            each.metrics({"macro_f1": found.score.value, "base_macro_f1": found.base.value})
            each.set_description("\n\n".join(described))
            each.file(page)
            each.file(output)
            for name, figure in search_page.figures(this, study).items():
                each.log_figure(f"{name}.png", partial(plots.save, figure))
    print("\n".join([*described, f"page: {page}"]))
