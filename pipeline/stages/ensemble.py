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
from pipeline.ensembling.blend import Blend, Voices
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import Formula
from pipeline.ensembling.members import Roster, best, held_out
from pipeline.evaluation import age_errors, mistakes, outcomes, reliability
from pipeline.formats import tables
from pipeline.foundation.hashes import sha256
from pipeline.modeling import members
from pipeline.modeling.members import Member
from pipeline.schema import metrics, predictions
from pipeline.schema.labels import ATTRIBUTES, label_codes, names


@dataclass(frozen=True)
class Summary:
    """What is worth tracking: the scores, and the SHA-256 of every member's weights by the member's name."""

    metrics: dict[str, float]
    members: dict[str, str]


def ensemble(roster: Roster, crops: Path, labels: Path, folds: Path, results: Path, params: Ensemble) -> Summary:
    """Write into `results` the probabilities of the 18 classes of every eval picture, and the out-of-fold report.

    The members of a model vote, a system multiplies the heads of its models, and the systems vote. What that takes
    from known labels (weights, choices, the spread of years) is fitted on all out-of-fold predictions; the scores
    are of out-of-fold predictions under the same fit to the other folds.
    Raises `InputError` that names the members or pictures that are missing.
    """
    members.remove_leftovers(roster.models, {member.folder for member in roster.everyone()})
    used = list(dict.fromkeys(_names(roster, params)))
    team = list(dict.fromkeys(member for name in used for member in [*roster.judged(name), *roster.voters(name)]))
    members.require(team)
    labelled = folded(labels, folds)
    pictures = labelled[labelled["fold"].isin(roster.folds)].sort_values("path", ignore_index=True)
    seen: Voices = {name: [held_out(roster.judged(name), pictures)] for name in used}
    voters = {name: best(roster.voters(name), pictures, params.top_folds) for name in used}
    evaluated, unseen = _unseen(voters)

    seen, unseen, temperatures = _calibrated(seen, unseen, pictures, results, params)
    fitted = blend.fit(seen, pictures, params)
    tables.write(blend.systems(seen, fitted, pictures, params), results / "systems.csv")
    answers = blend.nested(seen, pictures, params), blend.answer(unseen, fitted, params)
    adjusted = adjustments.adjust(*answers, _voter_by_voter(unseen, fitted, params), pictures, params)
    _write_answer(adjusted, evaluated, results)
    names_of_voters = {name: tuple(voter.name for voter in found) for name, found in voters.items()}
    Formula.of(params, names_of_voters, temperatures, fitted, adjusted).write(results / "formula.json")

    scores = outcomes.write(results, pictures, adjusted.seen)
    scores |= _scores_of_choice(seen, pictures, params) | age_errors.scores(seen, pictures)
    metrics.write(results / "metrics.json", scores)
    age_errors.write(results / "age_errors.png", pictures, adjusted.seen, seen)
    mistakes.write(results / "mistakes.jpg", crops, pictures, adjusted.seen)
    outcomes.write_epochs(results, team)
    return Summary(scores, {member.name: sha256(member.weights) for member in team})


def _names(roster: Roster, params: Ensemble) -> Iterable[str]:
    if params.systems == "per_attribute":
        return roster.trained
    return (name for system in params.systems for name in system)


def _unseen(voters: Mapping[str, Sequence[Member]]) -> tuple[list[str], Voices]:
    """The eval pictures in the order of the first voter's file, and what all voters say of them."""
    pictures, _ = predictions.read(next(iter(voters.values()))[0].eval)
    return pictures, {name: [predictions.read_for(voter.eval, pictures) for voter in voters[name]] for name in voters}


def _calibrated(
    seen: Voices, unseen: Voices, pictures: pd.DataFrame, results: Path, params: Ensemble
) -> tuple[Voices, Voices, pd.DataFrame]:
    """Both kinds of voices at the temperatures of their heads, where params want that, and these; both are shown."""
    cool_seen, cool_unseen, temperatures = adjustments.calibrate(seen, unseen, pictures)
    tables.write(temperatures, results / "calibration.csv")
    reliability.write(results / "reliability.png", seen, cool_seen, pictures)
    if params.calibrate:
        seen, unseen = cool_seen, cool_unseen
    return seen, unseen, temperatures


def _voter_by_voter(voices: Voices, fitted: Blend, params: Ensemble) -> npt.NDArray[np.float64]:
    """Answers (voters, m, 18) of the first voter of every name, the second, ...; one of all where numbers differ."""
    if len({len(voters) for voters in voices.values()}) > 1:
        return blend.answer(voices, fitted, params)[np.newaxis]
    rounds = [dict(zip(voices, ([heads] for heads in one), strict=True)) for one in zip(*voices.values(), strict=True)]
    return np.stack([blend.answer(one, fitted, params) for one in rounds])


def _write_answer(adjusted: Adjusted, evaluated: Sequence[str], results: Path) -> None:
    tables.write(adjusted.shares, results / "shift.csv")
    tables.write(adjusted.changes, results / "adjustments.csv")
    answer = pd.DataFrame(adjusted.unseen, columns=names())
    answer.insert(0, "path", evaluated)
    tables.write(answer, results / "eval_probabilities.csv")


def _scores_of_choice(voices: Voices, pictures: pd.DataFrame, params: Ensemble) -> dict[str, float]:
    """Beside the nested score that of equal weights, and the flattering one of the pictures that are fitted on."""
    if not params.chooses:
        return {}
    equal = params.model_copy(update={"weights": "equal", "top_systems": None})
    answers = {
        "equal_weights": blend.nested(voices, pictures, equal),
        "in_sample": blend.answer(voices, blend.fit(voices, pictures, params), params),
    }
    true = label_codes(pictures, tuple(ATTRIBUTES))
    scores = {name: metrics.score(true, answer.argmax(axis=1)) for name, answer in answers.items()}
    return {f"{name}_{key}": scores[name][key] for name in answers for key in ("macro_f1", "accuracy")}
