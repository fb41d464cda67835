"""Stage ensemble: the predictions of all members combined into class probabilities of eval, and scored out of fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.folds import labels_with_folds
from pipeline.ensembling import adjustments, blend, calibration, people
from pipeline.ensembling.adjustments import Adjusted
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.ensembling.members import EnsembleMembers, best, epoch_selected_on_val, held_out
from pipeline.evaluation import age_errors, mistakes, reliability, scores, training_history
from pipeline.formats import tables
from pipeline.foundation.hashes import sha256
from pipeline.modeling import members as trainings
from pipeline.modeling.members import Member
from pipeline.schema import metrics, predictions
from pipeline.schema.schema import SCHEMA


@dataclass(frozen=True)
class Summary:
    """What is tracked of an ensemble.

    Attributes:
        metrics: Scores by name.
        members: SHA-256 of the weights of every member, by its name.
        mistakes: The worst mistakes, a row for each photo.
    """

    metrics: dict[str, float]
    members: dict[str, str]
    mistakes: pd.DataFrame


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
    labelled = labels_with_folds(labels, folds)
    photos = labelled[labelled["fold"].isin(members.folds)].sort_values("path", ignore_index=True)
    voters = {name: best(members.voters(name), photos, params.top_folds) for name in names}

    out_of_fold: MemberProbabilities = {name: [held_out(scored[name], photos)] for name in names}
    eval_photos, _ = predictions.read(used[0].eval)
    eval_of = {member: predictions.read_for(member.eval, eval_photos) for member in used}
    scaled, temperatures, calibration_errors = calibration.calibrate(out_of_fold, photos)
    tables.write(calibration_errors, results / "calibration.csv")
    reliability.write(results / "reliability.png", out_of_fold, scaled, photos)
    if params.calibrate:
        out_of_fold = scaled
    else:
        temperatures = {}

    fitted = blend.fit(out_of_fold, photos, params)

    def predict_eval(chosen: Mapping[str, Sequence[Member]]) -> np.typing.NDArray[np.float64]:
        probabilities = {name: [eval_of[member] for member in chosen[name]] for name in names}
        return blend.predict(calibration.apply(probabilities, temperatures), fitted, params)

    by_fold = np.stack(
        [predict_eval({name: [scored[name][fold]] for name in names}) for fold in range(len(members.folds))]
    )
    combined, of_eval, found = blend.nested(out_of_fold, photos, params), predict_eval(voters), {}
    if params.people:
        apart = metrics.score(SCHEMA.codes(photos), combined.argmax(axis=1))
        pooled = people.pool(combined, of_eval, by_fold, photos, eval_photos, crops, params.people)
        combined, of_eval, by_fold = pooled.out_of_fold, pooled.eval, pooled.eval_by_model
        found = pooled.scores | {f"photos_apart_{key}": apart[key] for key in ("macro_f1", "accuracy")}
    adjusted = adjustments.adjust(combined, of_eval, by_fold, photos, params)
    tables.write(blend.systems(out_of_fold, fitted, photos, params), results / "systems.csv")
    _write_probabilities(adjusted, eval_photos, results)
    voter_names = {name: tuple(voter.name for voter in voters[name]) for name in names}
    FittedEnsemble.of(params, voter_names, temperatures, fitted, adjusted).write(results / "ensemble.json")

    found |= scores.write(results, photos, adjusted.out_of_fold)
    found |= _scores_of_choices(out_of_fold, photos, params) | age_errors.scores(out_of_fold, photos)
    found["epoch_selected_on_val"] = int(epoch_selected_on_val(used))
    metrics.write(results / "metrics.json", found)
    age_errors.write(results / "age_errors.png", photos, adjusted.out_of_fold, out_of_fold)
    wrong = mistakes.worst(photos, adjusted.out_of_fold)
    mistakes.write(results / "mistakes.jpg", wrong, mistakes.crops(wrong, crops))
    training_history.write(results, used)
    return Summary(found, {member.name: sha256(member.weights) for member in used}, wrong)


def _models(members: EnsembleMembers, params: Ensemble) -> list[str]:
    """Names of the models in the systems, each once."""
    if params.systems == "per_attribute":
        return list(members.trained)
    return list(dict.fromkeys(name for system in params.systems for name in system))


def _write_probabilities(adjusted: Adjusted, eval_photos: Sequence[str], results: Path) -> None:
    tables.write(adjusted.label_shift, results / "label_shift.csv")
    tables.write(adjusted.effects, results / "adjustments.csv")
    probabilities = pd.DataFrame(adjusted.eval.astype(np.float32), columns=SCHEMA.class_names)
    probabilities.insert(0, "path", eval_photos)
    tables.write(probabilities, results / "eval_probabilities.parquet")


def _scores_of_choices(out_of_fold: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> dict[str, float]:
    """Scores to compare with the nested one: without any choice, and in sample, which is biased upwards."""
    if not params.fits_choices:
        return {}
    unfitted = {"weights": "equal", "top_systems": None, "choice": "best"}
    if params.age_thresholds == "fitted":
        unfitted["age_thresholds"] = "scored"
    tables_of = {
        "unfitted": blend.nested(out_of_fold, photos, params.model_copy(update=unfitted)),
        "in_sample": blend.predict(out_of_fold, blend.fit(out_of_fold, photos, params), params),
    }
    targets = SCHEMA.codes(photos)
    found = {name: metrics.score(targets, table.argmax(axis=1)) for name, table in tables_of.items()}
    return {f"{name}_{key}": found[name][key] for name in found for key in ("macro_f1", "accuracy")}
