"""Stage ensemble: the predictions of all members as one answer for eval, and its out-of-fold scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import members, metrics, params, predictions, report, tables
from pipeline.errors import raise_faults
from pipeline.labels import names
from pipeline.members import Member
from pipeline.photographs import Pixels
from pipeline.probabilities import Heads, Table, band_table, fit_spread, multiply, nested_band_table
from pipeline.vision import inference


@dataclass(frozen=True)
class Summary:
    """What is worth tracking: the scores, and the SHA-256 of every member's weights by the member's name."""

    metrics: dict[str, float]
    members: dict[str, str]


def ensemble(
    models: Path,
    crops: Path,
    labels: Path,
    folds: Path,
    results: Path,
    params: params.Ensemble,
    train: params.Train,
    refit: params.Refit,
) -> Summary:
    """Write into `results` the probabilities of the 18 classes of every eval picture, and the out-of-fold report.

    A model is the mean of its members: its refit where there is one, else its folds. A system multiplies the heads
    of its models; the answer is the mean of the systems. Out-of-fold scores come from the folds, refit or not.
    Raises `InputError` that names the members or pictures that are missing.
    """
    of_folds = {model: [Member(models, model, fold) for fold in train.folds] for model in train.models}
    refitted = {model: [Member(models, model)] for model in refit.models}
    trained = [member for group in (*of_folds.values(), *refitted.values()) for member in group]
    members.remove_leftovers(models, {member.folder for member in trained})
    used = list(dict.fromkeys(model for system in params.systems for model in system))
    team = [member for member in trained if member.model in used]
    members.require(team)
    pictures = _pictures(labels, folds, train.folds)
    held_out = {model: _held_out(of_folds[model], pictures) for model in used}

    seen = {model: _in_bands(held_out[model], pictures) for model in used}
    scores = report.write(results, pictures, _combine(params.systems, seen)) | _age_errors(held_out, pictures)
    metrics.write(results / "metrics.json", scores)

    packed = np.load(crops / "eval.npy", mmap_mode="r")
    voters = of_folds | refitted
    unseen = {model: _answer(voters[model], packed, _spreads(held_out[model], pictures)) for model in used}
    eval_pictures = tables.read(crops / "eval.csv", {"path": "text"})["path"]
    answer = pd.DataFrame(_combine(params.systems, unseen), columns=names(), index=pd.Index(eval_pictures))
    tables.write(answer.reset_index(), results / "eval_probabilities.csv")
    return Summary(scores, {member.name: member.digest() for member in team})


def _pictures(labels: Path, folds: Path, trained: Sequence[int]) -> pd.DataFrame:
    """The labelled pictures of the trained folds, sorted by path, with their fold."""
    labelled, folded = tables.read(labels, tables.LABELS), tables.read(folds, tables.FOLDS)
    raise_faults(
        f"{folds} does not fit {labels}: run `dvc repro`", predictions.mismatches(labelled["path"], folded["path"])
    )
    pictures = labelled.merge(folded[["path", "fold"]], on="path", validate="one_to_one")
    return pictures[pictures["fold"].isin(trained)].sort_values("path", ignore_index=True)


def _held_out(folds: Sequence[Member], pictures: pd.DataFrame) -> Heads:
    """A model's out-of-fold predictions in the order of the pictures."""
    found: list[str] = []
    parts: list[Heads] = []
    faults: list[str] = []
    for member in folds:
        paths, heads = predictions.read(member.out_of_fold)
        expected = pictures.loc[pictures["fold"] == member.fold, "path"]
        faults += [f"{member.out_of_fold}: {fault}" for fault in predictions.mismatches(expected, paths)]
        found += paths
        parts.append(heads)
    raise_faults("out-of-fold predictions do not fit the folds: run `dvc repro`", faults)
    order = pd.Index(found).get_indexer(pd.Index(pictures["path"]))
    return {head: np.concatenate([heads[head] for heads in parts])[order] for head in parts[0]}


def _in_bands(heads: Heads, pictures: pd.DataFrame) -> Heads:
    ages, folds = pictures["age"].to_numpy(), pictures["fold"].to_numpy()
    return {
        head: nested_band_table(numbers, ages, folds) if numbers.ndim == 1 else numbers
        for head, numbers in heads.items()
    }


def _spreads(heads: Heads, pictures: pd.DataFrame) -> dict[str, float]:
    ages = pictures["age"].to_numpy()
    return {head: fit_spread(numbers, ages) for head, numbers in heads.items() if numbers.ndim == 1}


def _answer(voters: Sequence[Member], crops: Pixels, spreads: Mapping[str, float]) -> Heads:
    """A model's tables for packed crops: the mean of its voters, years turned to bands voter by voter."""
    answers = [inference.predict(voter.weights, crops) for voter in voters]
    return {
        head: np.mean(
            [band_table(heads[head], spreads[head]) if head in spreads else heads[head] for heads in answers],
            axis=0,
            dtype=np.float64,
        )
        for head in answers[0]
    }


def _combine(systems: Sequence[Sequence[str]], models: Mapping[str, Heads]) -> Table:
    """Probabilities (n, 18): heads of a system's models multiplied, systems averaged."""
    votes = [multiply({head: table for model in system for head, table in models[model].items()}) for system in systems]
    return np.asarray(np.mean(votes, axis=0))


def _age_errors(models: Mapping[str, Heads], pictures: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error in years of every model that predicts years."""
    return {
        f"{model}_age_mae": float(np.abs(numbers - pictures["age"].to_numpy()).mean())
        for model, heads in models.items()
        for numbers in heads.values()
        if numbers.ndim == 1
    }
