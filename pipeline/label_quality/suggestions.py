"""Suggested label corrections: labels that out-of-fold predictions contradict, ranked, with evidence."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.dataset.corrections import SWAP
from pipeline.ensembling import calibration
from pipeline.ensembling.calibration import MIN_PROBABILITY
from pipeline.ensembling.shift_estimators import Priors
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema import label_table
from pipeline.schema.predictions import mismatches
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import MASK, SCHEMA, Attribute, Codes

OUT_OF_FOLD: dict[str, tables.Kind] = {
    "path": "text",
    "target": "integer",
    **dict.fromkeys(SCHEMA.class_names, "number"),
}
SOURCE = "out-of-fold predictions"
INCORRECT, NORMAL = MASK.values.index("incorrect"), MASK.values.index("normal")
MIN_DOUBT = 0.9
"""Doubt from which on a label is suspected even where confident learning estimates that none is wrong."""
BORDER_YEARS = 10
"""Years to another age band below which the score falls: people near a boundary are easily taken for the next band."""


class Suggestion(NamedTuple):
    """A row of a file of corrections, with a score of doubt in the label (0 none, 1 certain) and the evidence."""

    id: str
    field: str
    was: str
    value: str
    source: str
    score: float
    evidence: str


class PooledAttribute(NamedTuple):
    """One attribute of every person, sorted by path.

    Attributes:
        people: The people (n).
        labels: Codes (n,) as labelled.
        probabilities: Calibrated probabilities (n, k), pooled over a person's photos.
        votes: Number of a person's photos (n, k) for which each value is the likeliest.
    """

    people: list[str]
    labels: Codes
    probabilities: Table
    votes: Codes


def read(labels: Path, out_of_fold: Path) -> tuple[pd.DataFrame, Table]:
    """Read the labelled photos that have out-of-fold predictions.

    Args:
        labels: Table of labels.
        out_of_fold: Class probabilities that the stage `ensemble` wrote.

    Returns:
        The photos (n), sorted by path, and their class probabilities (n, classes).

    Raises:
        InputError: When a file is missing, or the predictions are of other photos or were made with other labels.
    """
    raise_faults(
        "no results yet: run `dvc repro`; missing files",
        [str(path) for path in (labels, out_of_fold) if not path.exists()],
    )
    predicted = tables.read(out_of_fold, OUT_OF_FOLD, unique="path")
    labelled = label_table.read(labels)
    labelled = labelled[labelled["path"].isin(predicted["path"])].sort_values("path", ignore_index=True)
    faults = mismatches(labelled["path"], predicted["path"])
    raise_faults(f"{out_of_fold} does not fit {labels}: run `dvc repro`", faults)
    predicted = predicted.sort_values("path", ignore_index=True)
    changed = predicted["target"] != SCHEMA.codes(labelled)
    raise_faults(f"{out_of_fold} has other labels than {labels}: run `dvc repro`", list(predicted["path"][changed]))
    return labelled, predicted[SCHEMA.class_names].to_numpy(np.float64)


def suggest(photos: pd.DataFrame, probabilities: Table) -> list[Suggestion]:
    """Corrections that the predictions support, the most doubtful label first.

    Attributes of a person come from confident learning on all photos of a person together, swaps of masks from a
    comparison of the two photos. A label that was corrected before is not questioned again.

    Args:
        photos: Labelled photos (n).
        probabilities: Their out-of-fold class probabilities (n, classes).
    """
    found = [*_swaps(photos, probabilities)]
    for attribute in SCHEMA.people.attributes:
        found += _of_attribute(attribute, photos, probabilities)
    decided = set(zip(photos["person"], photos["corrected"], strict=True))
    corrected = {(person, change.split(":")[0]) for person, cell in decided for change in cell.split("; ")}
    kept = [suggestion for suggestion in found if (suggestion.id, suggestion.field) not in corrected]
    return sorted(kept, key=lambda suggestion: (-suggestion.score, suggestion.id, suggestion.field))


def accept(suggestions: Sequence[Suggestion], confidence: float) -> list[Suggestion]:
    """The suggestions whose score is at least `confidence`, to be applied without a review.

    A person's suggestions come from models that were not trained on this person (Northcutt, Jiang and Chuang 2021,
    Confident Learning, prunes and trains again in the same way). Scores of the next run are on the corrected labels.
    """
    return [suggestion for suggestion in suggestions if suggestion.score >= confidence]


def write(path: Path, suggestions: Sequence[Suggestion]) -> None:
    """Write a file of corrections."""
    tables.write(pd.DataFrame(suggestions, columns=list(Suggestion._fields)), path)


def pooled(photos: pd.DataFrame, probabilities: Table, attribute: str) -> PooledAttribute:
    """One attribute of every person, from the geometric mean over the person's photos, which are not independent."""
    table = SCHEMA.marginal(probabilities, attribute)
    person = photos["person"].to_numpy()
    votes = pd.DataFrame(np.eye(table.shape[1], dtype=np.int64)[table.argmax(axis=1)]).groupby(person).sum()
    logs = pd.DataFrame(np.log(np.maximum(table, MIN_PROBABILITY))).groupby(person).mean().to_numpy()
    people = photos.drop_duplicates("person").sort_values("person")
    labels = SCHEMA[attribute].codes(people[attribute])
    return PooledAttribute(list(people["person"]), labels, _calibrated(np.exp(logs), labels), votes.to_numpy())


def _of_attribute(attribute: Attribute, photos: pd.DataFrame, probabilities: Table) -> Iterator[Suggestion]:
    """Suggestions for an attribute of a person; for an age, the median age of the likelier band."""
    people = pooled(photos, probabilities, attribute.name)
    doubt = _doubt(people)
    cells = photos.groupby("person")[attribute.name].first()
    usual = cells.groupby(people.labels).median() if attribute.bands else None
    for row, likelier in _issues(people, doubt):
        was, trust, value = cells.iloc[row], 1.0, attribute.values[likelier]
        if usual is not None:
            value = f"{usual[likelier]:.0f}"
            trust = min(1, _years_to_band(attribute, int(was), likelier) / BORDER_YEARS)
        yield _suggestion(people, row, attribute, str(was), value, round(float(trust * doubt[row]), 4))


def _years_to_band(attribute: Attribute, age: int, code: int) -> int:
    """Years from an age to the nearest age of another band."""
    youngest = attribute.bands[code - 1] if code else 0
    return youngest - age if age < youngest else age - (attribute.bands[code] - 1)


def _swaps(photos: pd.DataFrame, probabilities: Table) -> Iterator[Suggestion]:
    """People whose photos normal and incorrect_mask, taken together, are likelier the other way round."""
    masks = _calibrated(SCHEMA.marginal(probabilities, MASK.name), MASK.codes(photos[MASK.name]))
    rows = photos.assign(row=np.arange(len(photos))).pivot_table("row", "person", "mask", "first").astype("Int64")
    rows = rows.reindex(columns=["normal", "incorrect"]).dropna()
    for person, normal, incorrect in zip(rows.index, masks[rows["normal"]], masks[rows["incorrect"]], strict=True):
        odds = np.sqrt(normal[INCORRECT] * incorrect[NORMAL] / (normal[NORMAL] * incorrect[INCORRECT]))
        if odds > 1:
            evidence = (
                f"normal looks incorrect {normal[INCORRECT]:.2f}, incorrect_mask looks normal {incorrect[NORMAL]:.2f}"
            )
            yield Suggestion(person, MASK.name, "", SWAP, SOURCE, round(float(odds / (1 + odds)), 4), evidence)


def _calibrated(table: Table, targets: Codes) -> Table:
    """Probabilities at the temperature that fits the targets, none of them 0."""
    return np.maximum(calibration.scale(table, calibration.fit(table, targets)), MIN_PROBABILITY)


def _issues(people: PooledAttribute, doubt: Priors) -> list[tuple[int, int]]:
    """People whose label is likely wrong, with the likeliest other value among those that occur; `doubt` is of each.

    Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels. It estimates how
    many labels are wrong; among few people it may estimate none, so labels of a high doubt are added.
    """
    from cleanlab.filter import find_label_issues

    values, labels = np.unique(people.labels, return_inverse=True)
    if len(values) < 2:
        return []
    table = people.probabilities[:, values] / people.probabilities[:, values].sum(axis=1, keepdims=True)
    wrong = find_label_issues(labels, table, filter_by="prune_by_noise_rate", min_examples_per_class=0, n_jobs=1)
    wrong |= doubt > MIN_DOUBT
    table[np.arange(len(table)), labels] = 0
    return [(int(row), int(values[table[row].argmax()])) for row in np.flatnonzero(wrong)]


def _doubt(people: PooledAttribute) -> Priors:
    """Doubt in each label (n,): 0 at the mean probability of people with that label, 1 at a probability of 0.

    The mean is confident learning's own threshold. Models are less confident of a rare value, which is no evidence
    against the label of a person who has it.
    """
    own = people.probabilities[np.arange(len(people.labels)), people.labels]
    mean = np.bincount(people.labels, own) / np.maximum(np.bincount(people.labels), 1)
    return np.maximum(1 - own / mean[people.labels], 0)


def _suggestion(
    people: PooledAttribute, row: int, attribute: Attribute, was: str, value: str, score: float
) -> Suggestion:
    values = zip(attribute.values, people.probabilities[row], people.votes[row], strict=True)
    evidence = ", ".join(f"{name} {probability:.2f} ({votes} photos)" for name, probability, votes in values)
    return Suggestion(people.people[row], attribute.name, was, value, SOURCE, score, evidence)
