"""Suggested corrections of labels: where models that never saw a person read another label, ranked with evidence."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.dataset.corrections import SWAP
from pipeline.ensembling import calibration
from pipeline.ensembling.calibration import FLOOR
from pipeline.ensembling.shift_estimators import Priors
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema.predictions import mismatches
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import AGE, MASK, SCHEMA, Codes

OUT_OF_FOLD: dict[str, tables.Kind] = {
    "path": "text",
    "target": "integer",
    **dict.fromkeys(SCHEMA.class_names, "number"),
}
SOURCE = "out-of-fold predictions"
INCORRECT, NORMAL = MASK.values.index("incorrect"), MASK.values.index("normal")
PLAIN = 0.9
"""A doubt from which on a label is plainly wrong."""
NEAR = 10
"""Years. Somebody labelled this close to another age band is easily, and rightly, read as of that band."""


class Suggestion(NamedTuple):
    """A row of a fixes file, with a score of doubt in the label (0 none, 1 all) and what speaks for it."""

    id: str
    field: str
    was: str
    value: str
    source: str
    score: float
    evidence: str


class PooledAttribute(NamedTuple):
    """One attribute of every person, sorted by path: codes as labelled (n,), and pooled probabilities (n, k).

    `votes` (n, k) counts the person's photos that are read as each value.
    """

    people: list[str]
    given: Codes
    probabilities: Table
    votes: Codes


def read(labels: Path, out_of_fold: Path) -> tuple[pd.DataFrame, Table]:
    """The labelled photos that have out-of-fold probabilities, sorted by path, and these (n, 18).

    Raises `InputError` when a file is missing, or the predictions are of other photos or made with other labels.
    """
    raise_faults(
        "no results yet: run `dvc repro`; missing files",
        [str(path) for path in (labels, out_of_fold) if not path.exists()],
    )
    predicted = tables.read(out_of_fold, OUT_OF_FOLD)
    labelled = tables.read(labels, tables.LABELS)
    labelled = labelled[labelled["path"].isin(predicted["path"])].sort_values("path", ignore_index=True)
    faults = mismatches(labelled["path"], predicted["path"])
    raise_faults(f"{out_of_fold} does not fit {labels}: run `dvc repro`", faults)
    predicted = predicted.sort_values("path", ignore_index=True)
    other = predicted["target"] != SCHEMA.codes(labelled)
    raise_faults(f"{out_of_fold} is of other labels than {labels}: run `dvc repro`", list(predicted["path"][other]))
    return labelled, predicted[SCHEMA.class_names].to_numpy(np.float64)


def suggest(photos: pd.DataFrame, probabilities: Table) -> list[Suggestion]:
    """Corrections that the probabilities (n, 18) of labelled photos (n) speak for, the surest first.

    Gender and age come from confident learning on all photos of a person together, the mask from a detector of
    swaps. A label that was corrected is not questioned again.
    """
    found = [*_gender(photos, probabilities), *_age(photos, probabilities), *_swaps(photos, probabilities)]
    decided = set(zip(photos["person"], photos["corrected"], strict=True))
    corrected = {(person, change.split(":")[0]) for person, cell in decided for change in cell.split("; ")}
    kept = [suggestion for suggestion in found if (suggestion.id, suggestion.field) not in corrected]
    return sorted(kept, key=lambda suggestion: (-suggestion.score, suggestion.id, suggestion.field))


def write(path: Path, suggestions: Sequence[Suggestion]) -> None:
    """Write a fixes file."""
    tables.write(pd.DataFrame(suggestions, columns=list(Suggestion._fields)), path)


def _gender(photos: pd.DataFrame, probabilities: Table) -> Iterator[Suggestion]:
    reading = pooled(photos, probabilities, "gender")
    for row, likelier in _issues(reading):
        was, value = (SCHEMA["gender"].values[code] for code in (reading.given[row], likelier))
        yield _suggestion(reading, row, "gender", was, value)


def _age(photos: pd.DataFrame, probabilities: Table) -> Iterator[Suggestion]:
    """The age suggested is the median of the people labelled as of the likelier band."""
    reading = pooled(photos, probabilities, "age")
    ages = photos.groupby("person")["age"].first()
    usual = ages.groupby(reading.given).median()
    for row, likelier in _issues(reading):
        was, older = int(ages.iloc[row]), likelier > reading.given[row]
        edge = AGE.bands[likelier - 1] if older else AGE.bands[likelier] - 1
        yield _suggestion(reading, row, "age", str(was), f"{usual[likelier]:.0f}", min(1, abs(was - edge) / NEAR))


def _swaps(photos: pd.DataFrame, probabilities: Table) -> Iterator[Suggestion]:
    """People whose photos normal and incorrect_mask are, taken together, likelier the other way round."""
    masks = _calibrated(SCHEMA.marginal(probabilities, "mask"), SCHEMA.head("mask").codes(photos))
    rows = photos.assign(row=np.arange(len(photos))).pivot_table("row", "person", "mask", "first").astype("Int64")
    rows = rows.reindex(columns=["normal", "incorrect"]).dropna()
    for person, normal, incorrect in zip(rows.index, masks[rows["normal"]], masks[rows["incorrect"]], strict=True):
        odds = np.sqrt(normal[INCORRECT] * incorrect[NORMAL] / (normal[NORMAL] * incorrect[INCORRECT]))
        if odds > 1:
            looks = (
                f"normal looks incorrect {normal[INCORRECT]:.2f}, incorrect_mask looks normal {incorrect[NORMAL]:.2f}"
            )
            yield Suggestion(person, "mask", "", SWAP, SOURCE, round(float(odds / (1 + odds)), 4), looks)


def pooled(photos: pd.DataFrame, probabilities: Table, attribute: str) -> PooledAttribute:
    """One attribute of every person: photos multiplied, to the power of one, as they are hardly seven witnesses."""
    table = SCHEMA.marginal(probabilities, attribute)
    of_person = photos["person"].to_numpy()
    votes = pd.DataFrame(np.eye(table.shape[1], dtype=np.int64)[table.argmax(axis=1)]).groupby(of_person).sum()
    logs = pd.DataFrame(np.log(np.maximum(table, FLOOR))).groupby(of_person).mean().to_numpy()
    labelled = photos.drop_duplicates("person").sort_values("person")
    given = SCHEMA.head(attribute).codes(labelled)
    return PooledAttribute(list(labelled["person"]), given, _calibrated(np.exp(logs), given), votes.to_numpy())


def _calibrated(table: Table, given: Codes) -> Table:
    """Probabilities that are as sure as they are right, none of them 0."""
    return np.maximum(calibration.scale(table, calibration.fit(table, given)), FLOOR)


def _issues(reading: PooledAttribute) -> list[tuple[int, int]]:
    """People whose label is likely wrong, and the value (of those that somebody is labelled with) to put instead.

    Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels. It estimates how
    many labels are wrong; among few people it may count none, so what is plainly wrong is added.
    """
    from cleanlab.filter import find_label_issues

    values, given = np.unique(reading.given, return_inverse=True)
    if len(values) < 2:
        return []
    table = reading.probabilities[:, values] / reading.probabilities[:, values].sum(axis=1, keepdims=True)
    everyone = np.arange(len(table))
    wrong = find_label_issues(given, table, filter_by="prune_by_noise_rate", min_examples_per_class=0, n_jobs=1)
    wrong |= _doubt(reading) > PLAIN
    table[everyone, given] = 0
    return [(int(row), int(values[table[row].argmax()])) for row in np.flatnonzero(wrong)]


def _doubt(reading: PooledAttribute) -> Priors:
    """How much less than usual the models give each label (n,): 0 as much as people so labelled get on average, 1 none.

    That average is confident learning's own threshold. Models are less sure of a rare value, which is no evidence
    against the label of a person who has it.
    """
    own = reading.probabilities[np.arange(len(reading.given)), reading.given]
    usual = np.bincount(reading.given, own) / np.maximum(np.bincount(reading.given), 1)
    return np.maximum(1 - own / usual[reading.given], 0)


def _suggestion(reading: PooledAttribute, row: int, field: str, was: str, value: str, trust: float = 1) -> Suggestion:
    score = round(float(trust * _doubt(reading)[row]), 4)
    read_as = zip(SCHEMA[field].values, reading.probabilities[row], reading.votes[row], strict=True)
    evidence = ", ".join(f"{name} {share:.2f} ({votes} photos)" for name, share, votes in read_as)
    return Suggestion(reading.people[row], field, was, value, SOURCE, score, evidence)
