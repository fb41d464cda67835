"""Stage ensemble: the predictions of all members as one answer for eval, and its out-of-fold scores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import (
    adjustments,
    age_errors,
    blend,
    members,
    metrics,
    mistakes,
    outcomes,
    params,
    plots,
    predictions,
    reliability,
    tables,
    targets,
)
from pipeline.blend import Blend, Voices
from pipeline.digests import sha256
from pipeline.entries import attributes
from pipeline.errors import raise_faults
from pipeline.formula import Formula
from pipeline.labels import ATTRIBUTES, Codes, decode, names
from pipeline.members import Member
from pipeline.probabilities import Numbers
from pipeline.roster import Roster, best, held_out


@dataclass(frozen=True)
class Summary:
    """What is worth tracking: the scores, and the SHA-256 of every member's weights by the member's name."""

    metrics: dict[str, float]
    members: dict[str, str]


def ensemble(roster: Roster, crops: Path, labels: Path, folds: Path, results: Path, params: params.Ensemble) -> Summary:
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
    pictures = _pictures(labels, folds, roster.folds)
    seen: Voices = {name: [held_out(roster.judged(name), pictures)] for name in used}

    voters = {name: best(roster.voters(name), pictures, params.top_folds) for name in used}
    evaluated, unseen = _unseen(voters)
    *calibrated, temperatures = adjustments.calibrate(seen, unseen, pictures)
    tables.write(temperatures, results / "calibration.csv")
    plots.save(reliability.curves(_before_and_after(seen, calibrated[0], pictures)), results / "reliability.png")
    if params.calibrate:
        seen, unseen = calibrated

    fitted = blend.fit(seen, pictures, params)
    tables.write(blend.systems(seen, fitted, pictures, params), results / "systems.csv")
    votes = _voter_by_voter(unseen, fitted, params)
    answers = blend.nested(seen, pictures, params), blend.answer(unseen, fitted, params)
    adjusted = adjustments.adjust(*answers, votes, pictures, params)
    tables.write(adjusted.shares, results / "shift.csv")
    tables.write(adjusted.changes, results / "adjustments.csv")
    names_of_voters = {name: tuple(voter.name for voter in found) for name, found in voters.items()}
    Formula.of(params, names_of_voters, temperatures, fitted, adjusted).write(results / "formula.json")
    answer = pd.DataFrame(adjusted.unseen, columns=names())
    answer.insert(0, "path", evaluated)
    tables.write(answer, results / "eval_probabilities.csv")

    scores = outcomes.write(results, pictures, adjusted.seen)
    scores |= _scores_of_choice(seen, pictures, params) | _age_errors(seen, pictures)
    metrics.write(results / "metrics.json", scores)
    ages = age_errors.picture(pictures["age"].to_numpy(), decode(adjusted.seen.argmax(axis=1))[2], dict(_years(seen)))
    plots.save(ages, results / "age_errors.png")
    mistakes.write(results / "mistakes.jpg", crops, pictures, adjusted.seen)
    histories = _histories(team)
    tables.write(outcomes.epochs(histories), results / "epochs.csv")
    plots.save(plots.learning_curves(histories), results / "learning_curves.png")
    return Summary(scores, {member.name: sha256(member.weights) for member in team})


def _histories(team: Iterable[Member]) -> dict[str, dict[str, pd.DataFrame]]:
    """Metrics by epoch of every member, by model and by the member's name."""
    histories: dict[str, dict[str, pd.DataFrame]] = {}
    for member in team:
        histories.setdefault(member.model, {})[member.name] = pd.read_csv(member.epochs)
    return histories


def _names(roster: Roster, params: params.Ensemble) -> Iterable[str]:
    if params.systems == "per_attribute":
        return roster.trained
    return (name for system in params.systems for name in system)


def _pictures(labels: Path, folds: Path, trained: Sequence[int]) -> pd.DataFrame:
    """The labelled pictures of the trained folds, sorted by path, with their fold."""
    labelled, folded = tables.read(labels, tables.LABELS), tables.read(folds, tables.FOLDS)
    raise_faults(
        f"{folds} does not fit {labels}: run `dvc repro`", predictions.mismatches(labelled["path"], folded["path"])
    )
    pictures = labelled.merge(folded[["path", "fold"]], on="path", validate="one_to_one")
    return pictures[pictures["fold"].isin(trained)].sort_values("path", ignore_index=True)


def _unseen(voters: Mapping[str, Sequence[Member]]) -> tuple[list[str], Voices]:
    """The eval pictures in the order of the first voter's file, and what all voters say of them."""
    pictures, _ = predictions.read(next(iter(voters.values()))[0].eval)
    return pictures, {name: [predictions.read_for(voter.eval, pictures) for voter in voters[name]] for name in voters}


def _voter_by_voter(voices: Voices, fitted: Blend, params: params.Ensemble) -> npt.NDArray[np.float64]:
    """Answers (voters, m, 18) of the first voter of every name, the second, ...; one of all where numbers differ."""
    if len({len(voters) for voters in voices.values()}) > 1:
        return blend.answer(voices, fitted, params)[np.newaxis]
    rounds = [dict(zip(voices, ([heads] for heads in one), strict=True)) for one in zip(*voices.values(), strict=True)]
    return np.stack([blend.answer(one, fitted, params) for one in rounds])


def _scores_of_choice(voices: Voices, pictures: pd.DataFrame, params: params.Ensemble) -> dict[str, float]:
    """Beside the nested score that of equal weights, and the flattering one of the pictures that are fitted on."""
    if not params.chooses:
        return {}
    equal = params.model_copy(update={"weights": "equal", "top_systems": None})
    answers = {
        "equal_weights": blend.nested(voices, pictures, equal),
        "in_sample": blend.answer(voices, blend.fit(voices, pictures, params), params),
    }
    true = targets.codes(pictures, tuple(ATTRIBUTES))
    scores = {name: metrics.score(true, answer.argmax(axis=1)) for name, answer in answers.items()}
    return {f"{name}_{key}": scores[name][key] for name in answers for key in ("macro_f1", "accuracy")}


def _age_errors(voices: Voices, pictures: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error in years of every model that predicts years."""
    ages = pictures["age"].to_numpy()
    return {f"{name}_age_mae": float(np.abs(years - ages).mean()) for name, years in _years(voices)}


def _years(voices: Voices) -> Iterator[tuple[str, Numbers]]:
    """The models that predict years, and what each says of the labelled pictures."""
    return ((name, said) for name, (heads,) in voices.items() for said in heads.values() if said.ndim == 1)


def _before_and_after(
    before: Voices, after: Voices, pictures: pd.DataFrame
) -> dict[str, tuple[Numbers, Numbers, Codes]]:
    """Every head of classes before and after calibration, with the true codes, by its model's name and its own."""
    return {
        name if name == head else f"{name}: {head}": (
            table,
            after[name][0][head],
            targets.codes(pictures, attributes(head)),
        )
        for name, (heads,) in before.items()
        for head, table in heads.items()
        if table.ndim == 2
    }
