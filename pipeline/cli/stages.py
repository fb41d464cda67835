"""The commands of dvc.yaml, one per stage: each reads its section of params.yaml and calls the stage's function."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Crops, Folds, Labels, Models
from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.modeling.members import Member

if TYPE_CHECKING:
    from pipeline.config.params import Params
    from pipeline.modeling.config import ModelConfig

Data = Annotated[Path, typer.Option("--data", "--root", help="Folder of the data set, with train/ and eval/.")]
Fixes = Annotated[Path, typer.Option(help="Folder of label corrections.")]
Classes = Annotated[Path, typer.Option(help="Output: table of photos per class and fold.")]
Plot = Annotated[Path, typer.Option(help="Output: plot of photos per class and fold.")]
ModelName = Annotated[str, typer.Option("--model", help="Model name, a key of `models` in params.yaml.")]
HeldOut = Annotated[int, typer.Option("--fold", help="Number of the held-out fold, one of train.folds.")]
Checkpoints = Annotated[Path, typer.Option(help="Folder of checkpoints, from which interrupted trainings resume.")]
Results = Annotated[Path, typer.Option(help="Folder of the ensemble's predictions and scores.")]
Probabilities = Annotated[Path, typer.Option(help="Table of class probabilities of the eval photos.")]
Submissions = Annotated[Path, typer.Option(help="Output: folder of the submission.")]
SubmissionName = Annotated[str, typer.Option("--name", help="Name of the submission, without .csv.")]
Shares = Annotated[Path, typer.Option(help="Output: table with the share of each class.")]
Metrics = Annotated[Path, typer.Option(help="Output: scores as JSON.")]


def sample(data: Data) -> None:
    """Write a small synthetic data set in the competition's layout.

    Example: dvc repro sample
    """
    from pipeline.stages.sample import sample as stage

    stage(data, _checked().sample)


def relabel(data: Data, fixes: Fixes, labels: Labels) -> None:
    """Read the labels and apply the corrections that params.yaml names.

    Example: dvc repro relabel
    """
    from pipeline.stages.relabel import relabel as stage

    stage(data, fixes, labels, _checked().relabel)


def crop(
    shard: Annotated[int, typer.Option(help="Number of the shard, one of crop.shards.")],
    data: Data,
    labels: Labels,
    crops: Crops,
) -> None:
    """Crop the photos of a shard to the face; train and eval are cropped by the same code.

    Example: dvc repro crop@0
    """
    from pipeline.stages.crop import crop as stage

    stage(shard, data, labels, crops, _checked().crop)


def pack(crops: Crops) -> None:
    """Write the index of the crops of all shards, and contact sheets.

    Example: dvc repro pack
    """
    from pipeline.stages.pack import pack as stage

    stage(crops, _params().crop)


def split(labels: Labels, fixes: Fixes, folds: Folds, classes: Classes, plot: Plot) -> None:
    """Assign people to folds.

    Example: dvc repro split
    """
    from pipeline.stages.split import split as stage

    stage(labels, fixes, folds, classes, plot, _params().split)


def train(
    model: ModelName,
    fold: HeldOut,
    crops: Crops,
    labels: Labels,
    folds: Folds,
    models: Models,
    checkpoints: Checkpoints,
) -> None:
    """Train a model on all folds but one.

    Example: dvc repro train@age-0
    """
    from pipeline.modeling.training import Inputs
    from pipeline.stages.train import train as stage
    from pipeline.tracking import stage_runs

    read, member = _checked(), Member(models, model, fold)
    inputs, output = Inputs(crops, labels, folds, _checkpoint(checkpoints, member)), member.folder
    with _config(read, model) as config:
        if config.pinned:
            from pipeline.registry.pinning import fetch

            fetch(config.pinned, labels, folds, crops, fold, output)
            return
        with stage_runs.training(
            stage_runs.TrainingRun("train", model, fold, config, inputs, output, read.experiment)
        ) as on_epoch:
            stage(inputs, model, fold, config, output, on_epoch)


def refit(
    model: ModelName,
    crops: Crops,
    labels: Labels,
    models: Models,
    checkpoints: Checkpoints,
) -> None:
    """Train a model on all data, for refit.epochs or the mean number of epochs that its folds kept.

    A model in refit.soup is not trained: its weights are the mean of those of
    its folds.

    Example: dvc repro refit@age
    """
    from pipeline.modeling.training import Inputs
    from pipeline.stages.refit import refit as stage
    from pipeline.stages.refit import soup
    from pipeline.tracking import stage_runs

    read, member = _params(), Member(models, model)
    inputs, output = Inputs(crops, labels, None, _checkpoint(checkpoints, member)), member.folder
    with (
        _config(read, model) as config,
        stage_runs.training(
            stage_runs.TrainingRun("refit", model, None, config, inputs, output, read.experiment)
        ) as on_epoch,
    ):
        if model in read.refit.soup:
            soup(inputs, model, config, models, read.train.folds, output, on_epoch)
            return
        epochs, validation = read.refit.epochs.get(model), read.refit.validation
        stage(inputs, model, config, models, read.train.folds, output, on_epoch, epochs, validation)


def pseudo_label(
    model: ModelName,
    fold: HeldOut,
    crops: Crops,
    labels: Labels,
    folds: Folds,
    models: Models,
    checkpoints: Checkpoints,
) -> None:
    """Train a model again, with its most probable predictions of eval as pseudo labels.

    Example: dvc repro pseudo_label@age-0
    """
    from pipeline.modeling.pseudo_labels import Teacher
    from pipeline.modeling.training import Inputs
    from pipeline.stages.pseudo_label import pseudo_label as stage
    from pipeline.tracking import stage_runs

    read, member = _params(), Member(models, model, fold, pseudo_labelled=True)
    inputs, output = Inputs(crops, labels, folds, _checkpoint(checkpoints, member)), member.folder
    with (
        _config(read, model, student=True) as config,
        stage_runs.training(
            stage_runs.TrainingRun("pseudo_label", model, fold, config, inputs, output, read.experiment)
        ) as on_epoch,
    ):
        settings = read.pseudo_label
        predictions = Member(models, model, fold).eval
        labelled = Teacher(predictions, settings.share, settings.weight, settings.targets == "soft")
        stage(inputs, labelled, model, fold, config, output, on_epoch)


def infer(
    model: ModelName,
    crops: Crops,
    models: Models,
    folds: Annotated[Path | None, typer.Option(help="Table of folds, needed with --fold.")] = None,
    fold: Annotated[int | None, typer.Option(help="Number of the held-out fold. Default: use the refit.")] = None,
    pseudo_labelled: Annotated[bool, typer.Option("--pseudo-labelled", help="Use the pseudo-labelled member.")] = False,
) -> None:
    """Predict eval and the held-out fold with a trained member, with test-time augmentation.

    Example: dvc repro infer@age-0
    """
    from pipeline.stages.infer import infer as stage

    read, member = _params(), Member(models, model, fold, pseudo_labelled)
    with _config(read, model):
        stage(member.weights, crops, folds, read.tta[model], member.predictions)


def ensemble(models: Models, crops: Crops, labels: Labels, folds: Folds, results: Results) -> None:
    """Combine the predictions of all members and score them out of fold.

    Example: dvc repro ensemble
    """
    from pipeline import tracking
    from pipeline.ensembling.members import EnsembleMembers
    from pipeline.formats.crop_files import SPLITS, index_file
    from pipeline.stages.ensemble import ensemble as stage
    from pipeline.tracking import stage_runs

    read = _params()
    settings = read.model_dump(mode="json", include={"ensemble", "tta"})
    with tracking.run("ensemble", {"stage": "ensemble"}, settings, read.experiment) as run:
        for each in (run, run.pipeline):
            each.inputs(*(index_file(crops, split) for split in SPLITS), labels, folds)
        stage_runs.ensemble(
            run,
            stage(
                EnsembleMembers.of(models, read.train, read.refit, read.pseudo_label),
                crops,
                labels,
                folds,
                results,
                read.ensemble,
            ),
            crops,
            results,
        )


def submit(
    data: Data,
    probabilities: Probabilities,
    labels: Labels,
    submissions: Submissions,
    name: SubmissionName,
    shares: Shares,
    metrics: Metrics,
) -> None:
    """Write and check the submission; score it if the true classes are known.

    Example: dvc repro submit
    """
    from pipeline import tracking
    from pipeline.stages.submit import submit as stage
    from pipeline.tracking import stage_runs

    submission = submissions / f"{name}.csv"
    scores = stage(data, probabilities, labels, submission, shares, metrics)
    with tracking.run_with_output(probabilities, "submit", _params().experiment) as run:
        stage_runs.submission(run, scores, (submission, shares))


def report(
    labels: Labels = Path("data/labels.parquet"),
    folds: Folds = Path("data/folds.parquet"),
    crops: Crops = Path("data/crops"),
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    report: Annotated[Path, typer.Option(help="Output: the HTML page.")] = Path("report.html"),
    against: Annotated[Path | None, typer.Option(help="Earlier report; the new one shows the changes since.")] = None,
) -> None:
    """Write an HTML report on data, training, scores and errors.

    Example: python -m pipeline report --against OLD.html
    """
    from pipeline import tracking
    from pipeline.evaluation.report import key_figures, written
    from pipeline.stages.report import report as stage

    read = _params()
    stage(labels, folds, crops, results, report, read.models, read.train.models, read.data.root.name, against)
    written.note(report, tracking.commit(), datetime.now().astimezone())
    probabilities = results / "ensemble" / "eval_probabilities.parquet"
    with tracking.run_with_output(probabilities, "report", read.experiment) as run:
        run.file(report)
    print("\n".join(key_figures.conclusion(report)))


COMMANDS = (sample, relabel, crop, pack, split, train, refit, pseudo_label, infer, ensemble, submit, report)


def _params() -> "Params":
    """params.yaml. Its reader is imported here, because `--help` and half of the commands need none of it."""
    from pipeline.config import params

    return params.load()


def _checked() -> "Params":
    """params.yaml, after a dry run of all models: the first stage that runs reports what a later one would."""
    from pipeline.config import dry_run

    read = _params()
    _refuse_a_relative_root_elsewhere(read.data.root)
    dry_run.check(read)
    return read


def _refuse_a_relative_root_elsewhere(root: Path) -> None:
    """Raise `InputError` for a relative data.root in the copy of the project in which DVC runs a queued experiment."""
    here, copies = Path.cwd(), (".dvc", "tmp", "exps")
    projects = [folder for folder in here.parents if here.is_relative_to(folder.joinpath(*copies))]
    if projects and not root.exists() and not root.is_absolute() and (projects[0] / root).exists():
        raise InputError(
            f"data.root {root} is relative, and DVC runs this experiment in a copy of the project ({here}); give the "
            f"absolute path: dvc exp run -S data.root={(projects[0] / root).resolve()}"
        )


def _checkpoint(folder: Path, member: Member) -> Path:
    return folder / f"{member.name}.pt"


@contextmanager
def _config(read: "Params", model: str, student: bool = False) -> Iterator["ModelConfig"]:
    """The configuration of a model; a setting that does not work is reported with its place in params.yaml."""
    from pipeline.config.params import FILE

    if model not in read.models:
        raise InputError(f"{FILE}: no model '{model}' under models; there are {', '.join(read.models)}")
    try:
        yield read.pseudo_label.config(read.models[model]) if student else read.models[model]
    except ModelConfigError as error:
        raise InputError(f"{FILE}: models.{model}: {error}") from error
