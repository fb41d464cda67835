"""Stage ensemble: the predictions of all members combined into class probabilities of eval, and scored out of fold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.dataset.folds import categorical_labels_with_folds, groups
from pipeline.ensembling import blend, combination, fitting, people
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.combination import EvalPredictions, FittedCombinations
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.ensembling.members import EnsembleMembers, OutOfFoldFiles, best, epoch_selected_on_val
from pipeline.evaluation import age_errors, mistakes, reliability, scores, training_history
from pipeline.formats import tables
from pipeline.formats.images import Pixels
from pipeline.foundation.hashes import sha256
from pipeline.modeling import members as trainings
from pipeline.modeling.members import Member
from pipeline.schema import metrics, predictions
from pipeline.schema.predictions import PredictionFile
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes


@dataclass(frozen=True)
class Summary:
    """What is tracked of an ensemble.

    Attributes:
        metrics: Scores by name.
        members: SHA-256 of the weights of every member, by its name.
        mistakes: The worst mistakes, a row for each photo.
        mistake_crops: Their crops.
    """

    metrics: dict[str, float]
    members: dict[str, str]
    mistakes: pd.DataFrame
    mistake_crops: Sequence[Pixels]


def ensemble(
    members: EnsembleMembers, crops: Path, labels: Path, folds: Path, results: Path, params: Ensemble
) -> Summary:
    """Combine all members' predictions, and score them out of fold.

    The members of a model vote, the heads of a system's models are multiplied, and the systems vote. Whatever is
    fitted on labels (temperatures, weights, residuals of years, class bias) is fitted on all out-of-fold predictions
    for eval, and on the other folds for the scores.

    Args:
        members: The trainings that the parameters name.
        crops: Folder of the crops, which are shown with the worst mistakes.
        labels: Table of labels.
        folds: Table of folds.
        results: Folder to write to: eval_probabilities.parquet, ensemble.json, metrics.json, tables and plots.
        params: How members are combined.

    Returns:
        The scores, and the hash of every member's weights.

    Raises:
        InputError: Names the members that are not trained, or the photos without a prediction.
    """
    trainings.warn_of_leftovers(members.models, {member.folder for member in members.everyone()})
    names = _models(members, params)
    scored = {name: members.scored(name) for name in names}
    used = list(dict.fromkeys(one for name in names for one in [*scored[name], *members.voters(name)]))
    trainings.require(used)
    photos = categorical_labels_with_folds(labels, folds)
    photos = photos[photos["fold"].isin(members.folds)].sort_values("path", ignore_index=True)
    out_of_fold = OutOfFoldFiles(scored, photos)
    eval_photos = predictions.paths(used[0].eval)
    eval_of = {member: PredictionFile(member.eval, eval_photos) for member in used}
    if params.people:
        people.require_few(len(photos), len(eval_photos))

    rows, eval_rows = fitting.rows(len(photos)), fitting.rows(len(eval_photos))
    sample, of_sample = photos.iloc[rows].reset_index(drop=True).astype({"person": "str"}), out_of_fold.read(rows)
    voters = {name: best(members.voters(name), of_sample[name][0], sample, params.top_folds) for name in names}

    def read_eval(chosen: Mapping[str, Sequence[Member]], positions: Codes) -> MemberProbabilities:
        return {name: [eval_of[member].read(positions) for member in chosen[name]] for name in names}

    by_fold = [
        read_eval({name: [scored[name][fold]] for name in names}, eval_rows) for fold in range(len(members.folds))
    ]
    of_eval = EvalPredictions(eval_photos.iloc[eval_rows], read_eval(voters, eval_rows), by_fold)
    with threadpool_limits(1):  # more threads of BLAS mostly wait for each other: five times the work on busy cores
        fit = combination.fit(of_sample, sample, of_eval, crops, params)
    voter_names = {name: tuple(voter.name for voter in voters[name]) for name in names}
    FittedEnsemble.of(fit.everyone, voter_names).write(results / "ensemble.json")
    _write_fit(fit, of_sample, sample, results, params)

    def predict_eval() -> Iterator[pd.DataFrame]:
        for block in fitting.blocks(len(eval_photos)):
            yield _table(eval_photos.iloc[block], fit.predict_eval(read_eval(voters, block)))

    def predict_out_of_fold() -> Iterator[tuple[pd.DataFrame, Table]]:
        for block in fitting.blocks(len(photos)):
            own = photos.iloc[block]
            yield own, fit.predict_out_of_fold(out_of_fold.read(block), groups(own, sample))

    tables.write_parts(predict_eval(), results / "eval_probabilities.parquet")
    worst = mistakes.Worst()
    found = _scores_of_people(fit, sample) | scores.write(results, worst.watch(predict_out_of_fold()))
    wrong = worst.photos
    wrong_crops = mistakes.crops(wrong, crops)
    mistakes.write(results / "mistakes.jpg", wrong, wrong_crops)
    found |= _scores_of_choices(fit.out_of_fold, sample, params) | age_errors.scores(fit.out_of_fold, sample)
    found["epoch_selected_on_val"] = int(epoch_selected_on_val(used))
    metrics.write(results / "metrics.json", found)
    training_history.write(results, used)
    return Summary(found, {member.name: sha256(member.weights) for member in used}, wrong, wrong_crops)


def _models(members: EnsembleMembers, params: Ensemble) -> list[str]:
    """Names of the models in the systems, each once."""
    if params.systems == "per_attribute":
        return list(members.trained)
    return list(dict.fromkeys(name for system in params.systems for name in system))


def _table(paths: "pd.Series[str]", probabilities: Table) -> pd.DataFrame:
    table = pd.DataFrame(probabilities.astype(np.float32), columns=SCHEMA.class_names)
    table.insert(0, "path", paths.reset_index(drop=True))
    return table


def _write_fit(
    fit: FittedCombinations, of_sample: MemberProbabilities, sample: pd.DataFrame, results: Path, params: Ensemble
) -> None:
    """Write what was fitted, and the plots of it."""
    tables.write(fit.calibration.table, results / "calibration.csv")
    reliability.write(results / "reliability.png", of_sample, fit.scaled, sample)
    tables.write(blend.systems(fit.out_of_fold, fit.everyone.blend, sample, params), results / "systems.csv")
    tables.write(fit.adjusted.label_shift, results / "label_shift.csv")
    tables.write(fit.adjusted.effects, results / "adjustments.csv")
    age_errors.write(results / "age_errors.png", sample, fit.adjusted.out_of_fold, fit.out_of_fold)


def _scores_of_people(fit: FittedCombinations, photos: pd.DataFrame) -> dict[str, float]:
    """How well photos were grouped by person, and the scores without it."""
    if not fit.people:
        return {}
    apart = metrics.score(SCHEMA.codes(photos), fit.blended.argmax(axis=1))
    return fit.people.scores | {f"photos_apart_{key}": apart[key] for key in ("macro_f1", "accuracy")}


def _scores_of_choices(out_of_fold: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> dict[str, float]:
    """Scores to compare with the nested one: without any choice, and in sample, which is biased upwards."""
    if not params.fits_choices:
        return {}
    unfitted = {"weights": "equal", "stacking": None, "top_systems": None, "choice": "best"}
    if params.age_thresholds == "fitted":
        unfitted["age_thresholds"] = "scored"
    tables_of = {
        "unfitted": blend.nested(out_of_fold, photos, params.model_copy(update=unfitted)),
        "in_sample": blend.predict(out_of_fold, blend.fit(out_of_fold, photos, params), params),
    }
    targets = SCHEMA.codes(photos)
    found = {name: metrics.score(targets, table.argmax(axis=1)) for name, table in tables_of.items()}
    return {f"{name}_{key}": found[name][key] for name in found for key in ("macro_f1", "accuracy")}
