"""The people under review: photos, labels, suggestions and predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline.dataset import corrections, photo_shards
from pipeline.dataset.corrections import Fix
from pipeline.dataset.layout import MASK_OF_STEM, TRAIN
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.label_quality.suggestions import pooled
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, band

STEMS = ("normal", "incorrect_mask", *(stem for stem in MASK_OF_STEM if stem.startswith("mask")))


@dataclass(frozen=True)
class CasePhoto:
    """A photo: its path below train/images, its stem, and the probability of each value by attribute."""

    path: str
    stem: str
    predicted: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class CaseSuggestion:
    """A suggested correction: field, label, suggested value, score, evidence, and the probability of each value."""

    field: str
    was: str
    value: str
    score: str
    evidence: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Case:
    """A person under review: labels, photos and suggestions."""

    person: str
    gender: str
    age: int
    labelled: Mapping[str, str]
    photos: Sequence[CasePhoto]
    suggestions: Sequence[CaseSuggestion]


def read(suggestions: Path, photos: pd.DataFrame, probabilities: Table, root: Path) -> list[Case]:
    """Read the people under review.

    Args:
        suggestions: File of suggested corrections.
        photos: The labelled photos, one row each.
        probabilities: Their out-of-fold probabilities (n, classes).
        root: Folder of the data set.

    Returns:
        One case per person, in the order of the file.

    Raises:
        InputError: Names every suggestion that contradicts the labels, and every missing photo.
    """
    rows = tables.read(suggestions, corrections.COLUMNS)
    found = [Fix(suggestions, row, *cells) for row, cells in zip(rows.index + 2, _cells(rows), strict=True)]
    faults = [f"{fix.place}: {fault}" for fix in found if (fault := corrections.malformed(fix))]
    raise_faults("malformed suggestions; run `labels suggest` again", faults)
    _, mismatches = corrections.match(found, photos.assign(id=photos["person"]))
    raise_faults("suggestions that contradict the labels; run `labels suggest` again", list(map(str, mismatches)))
    people = list(dict.fromkeys(fix.id for fix in found))
    suspected = photos[photos["person"].isin(people)]
    missing = photo_shards.absent(root / TRAIN, list(suspected["path"]))
    raise_faults(f"{root / TRAIN}: missing photos of people under review; restore them", missing)
    doubts = _doubts(rows, photos, probabilities)
    shown = _photos(suspected, probabilities[suspected.index])
    genders, ages = (dict(zip(suspected["person"], suspected[field], strict=True)) for field in ("gender", "age"))
    return [_case(person, genders[person], int(ages[person]), shown[person], doubts[person]) for person in people]


def _cells(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(rows[["id", "field", "was", "value"]].itertuples(index=False, name=None))


def _case(person: str, gender: str, age: int, photos: list[CasePhoto], doubts: list[CaseSuggestion]) -> Case:
    labelled = {"gender": gender, "age": SCHEMA["age"].values[band(age)]}
    return Case(person, gender, age, labelled, photos, doubts)


def _doubts(rows: pd.DataFrame, photos: pd.DataFrame, probabilities: Table) -> dict[str, list[CaseSuggestion]]:
    pooled_attributes = {attribute: pooled(photos, probabilities, attribute) for attribute in ("gender", "age")}
    shares = {
        (person, attribute): dict(zip(SCHEMA[attribute].values, map(float, table), strict=True))
        for attribute, reading in pooled_attributes.items()
        for person, table in zip(reading.people, reading.probabilities, strict=True)
    }
    doubts: dict[str, list[CaseSuggestion]] = {}
    for row in rows.to_dict("records"):
        cells = {key: str(row.get(key, "")) for key in ("field", "was", "value", "score", "evidence")}
        doubt = CaseSuggestion(**cells, probabilities=shares.get((row["id"], cells["field"]), {}))
        doubts.setdefault(row["id"], []).append(doubt)
    return doubts


def _photos(suspected: pd.DataFrame, probabilities: Table) -> dict[str, list[CasePhoto]]:
    """The photos of each person, the one without a mask first."""
    reads = {attribute: SCHEMA.marginal(probabilities, attribute) for attribute in SCHEMA.names}
    found: dict[str, list[CasePhoto]] = {}
    for number, (path, person) in enumerate(zip(suspected["path"], suspected["person"], strict=True)):
        predicted = {
            attribute: dict(zip(SCHEMA[attribute].values, map(float, table[number]), strict=True))
            for attribute, table in reads.items()
        }
        found.setdefault(person, []).append(CasePhoto(path, PurePosixPath(path).stem, predicted))
    for photos in found.values():
        photos.sort(key=lambda photo: STEMS.index(photo.stem))
    return found
