"""Stage ensemble: the predictions of all members as one answer for eval, and its out-of-fold scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.folds import folded
from pipeline.ensembling import adjustments, blend
from pipeline.ensembling.adjustments import Adjusted
from pipeline.ensembling.blend import Blend, MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.ensembling.members import EnsembleMembers, best, held_out
from pipeline.evaluation import age_errors, mistakes, outcomes, reliability
from pipeline.formats import tables
from pipeline.foundation.hashes import sha256
from pipeline.modeling import members
from pipeline.modeling.members import Member
from pipeline.schema import metrics, predictions
from pipeline.schema.schema import SCHEMA


@dataclass(frozen=True)
class Summary:
    """What is worth tracking: the scores, and the SHA-256 of every member's weights by the member's name."""

    metrics: dict[str, float]
    members: dict[str, str]


def ensemble(
    members_named: EnsembleMembers, crops: Path, labels: Path, folds: Path, results: Path, params: Ensemble
) -> Summary:
    """Write into `results` the probabilities of the 18 classes of every eval photo, and the out-of-fold report.

    The members of a model vote, a system multiplies the heads of its models, and the systems vote. What that takes
    from known labels (weights, choices, the spread of years) is fitted on all out-of-fold predictions; the scores
    are of out-of-fold predictions under the same fit to the other folds.
    Raises `InputError` that names the members or photos that are missing.
    """
    members.warn_of_leftovers(members_named.models, {member.folder for member in members_named.everyone()})
    used = list(dict.fromkeys(_names(members_named, params)))
    team = list(
        dict.fromkeys(member for name in used for member in [*members_named.judged(name), *members_named.voters(name)])
    )
    members.require(team)
    labelled = folded(labels, folds)
    photos = labelled[labelled["fold"].isin(members_named.folds)].sort_values("path", ignore_index=True)
    out_of_fold: MemberProbabilities = {name: [held_out(members_named.judged(name), photos)] for name in used}
    voters = {name: best(members_named.voters(name), photos, params.top_folds) for name in used}
    evaluated, eval_ = _eval(voters)

    out_of_fold, eval_, temperatures = _calibrated(out_of_fold, eval_, photos, results, params)
    fitted = blend.fit(out_of_fold, photos, params)
    tables.write(blend.systems(out_of_fold, fitted, photos, params), results / "systems.csv")
    answers = blend.nested(out_of_fold, photos, params), blend.answer(eval_, fitted, params)
    adjusted = adjustments.adjust(*answers, _voter_by_voter(eval_, fitted, params), photos, params)
    _write_answer(adjusted, evaluated, results)
    names_of_voters = {name: tuple(voter.name for voter in found) for name, found in voters.items()}
    FittedEnsemble.of(params, names_of_voters, temperatures, fitted, adjusted).write(results / "ensemble.json")

    scores = outcomes.write(results, photos, adjusted.out_of_fold)
    scores |= _scores_of_choice(out_of_fold, photos, params) | age_errors.scores(out_of_fold, photos)
    metrics.write(results / "metrics.json", scores)
    age_errors.write(results / "age_errors.png", photos, adjusted.out_of_fold, out_of_fold)
    mistakes.write(results / "mistakes.jpg", crops, photos, adjusted.out_of_fold)
    outcomes.write_epochs(results, team)
    return Summary(scores, {member.name: sha256(member.weights) for member in team})


def _names(members_named: EnsembleMembers, params: Ensemble) -> Iterable[str]:
    if params.systems == "per_attribute":
        return members_named.trained
    return (name for system in params.systems for name in system)


def _eval(voters: Mapping[str, Sequence[Member]]) -> tuple[list[str], MemberProbabilities]:
    """The eval photos in the order of the first voter's file, and what all voters say of them."""
    photos, _ = predictions.read(next(iter(voters.values()))[0].eval)
    return photos, {name: [predictions.read_for(voter.eval, photos) for voter in voters[name]] for name in voters}


def _calibrated(
    out_of_fold: MemberProbabilities, eval_: MemberProbabilities, photos: pd.DataFrame, results: Path, params: Ensemble
) -> tuple[MemberProbabilities, MemberProbabilities, pd.DataFrame]:
    """Both probabilities at the temperatures of their heads, where params want that, and the temperatures."""
    cool_out_of_fold, cool_unseen, temperatures = adjustments.calibrate(out_of_fold, eval_, photos)
    tables.write(temperatures, results / "calibration.csv")
    reliability.write(results / "reliability.png", out_of_fold, cool_out_of_fold, photos)
    if params.calibrate:
        out_of_fold, eval_ = cool_out_of_fold, cool_unseen
    return out_of_fold, eval_, temperatures


def _voter_by_voter(
    member_probabilities: MemberProbabilities, fitted: Blend, params: Ensemble
) -> npt.NDArray[np.float64]:
    """Answers (voters, m, 18) of the first voter of every name, the second, ...; one of all where numbers differ."""
    if len({len(voters) for voters in member_probabilities.values()}) > 1:
        return blend.answer(member_probabilities, fitted, params)[np.newaxis]
    rounds = [
        dict(zip(member_probabilities, ([heads] for heads in one), strict=True))
        for one in zip(*member_probabilities.values(), strict=True)
    ]
    return np.stack([blend.answer(one, fitted, params) for one in rounds])


def _write_answer(adjusted: Adjusted, evaluated: Sequence[str], results: Path) -> None:
    tables.write(adjusted.shares, results / "shift.csv")
    tables.write(adjusted.changes, results / "adjustments.csv")
    answer = pd.DataFrame(adjusted.eval_, columns=SCHEMA.class_names)
    answer.insert(0, "path", evaluated)
    tables.write(answer, results / "eval_probabilities.csv")


def _scores_of_choice(
    member_probabilities: MemberProbabilities, photos: pd.DataFrame, params: Ensemble
) -> dict[str, float]:
    """Beside the nested score that of equal weights, and the flattering one of the photos that are fitted on."""
    if not params.chooses:
        return {}
    equal = params.model_copy(update={"weights": "equal", "top_systems": None})
    answers = {
        "equal_weights": blend.nested(member_probabilities, photos, equal),
        "in_sample": blend.answer(member_probabilities, blend.fit(member_probabilities, photos, params), params),
    }
    true = SCHEMA.codes(photos)
    scores = {name: metrics.score(true, answer.argmax(axis=1)) for name, answer in answers.items()}
    return {f"{name}_{key}": scores[name][key] for name in answers for key in ("macro_f1", "accuracy")}
