"""The suspected people, one after another: their photos, labels, suggestions, and what models read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline.dataset import corrections
from pipeline.dataset.corrections import Fix
from pipeline.dataset.layout import MASK_OF_STEM, TRAIN
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.label_quality.suggestions import pooled
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, band

STEMS = ("normal", "incorrect_mask", *(stem for stem in MASK_OF_STEM if stem.startswith("mask")))


@dataclass(frozen=True)
class Picture:
    """A photo of a person: its path below train/images, its name, and the probability of each value it is read as."""

    path: str
    stem: str
    reads: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Suggestion:
    """A doubted label, the value suggested instead, score and evidence, and the probabilities of each value."""

    field: str
    was: str
    value: str
    score: str
    evidence: str
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Case:
    """A suspected person: as labelled, their photos, and the suggestions."""

    person: str
    gender: str
    age: int
    labelled: Mapping[str, str]
    photos: Sequence[Picture]
    suggestions: Sequence[Suggestion]


def read(suggestions: Path, photos: pd.DataFrame, probabilities: Table, root: Path) -> list[Case]:
    """The cases of a fixes file of suggestions, in its order, a person's suggestions together.

    `photos` are the labelled ones below the folder `root`, and `probabilities` (n, 18) theirs, out of fold.
    Raises `InputError` that names every suggestion that does not fit the labels, and every photo that is missing.
    """
    rows = tables.read(suggestions, corrections.COLUMNS)
    found = [Fix(suggestions, row, *cells) for row, cells in enumerate(_cells(rows), start=2)]
    faults = [f"{fix.place}: {fault}" for fix in found if (fault := corrections.malformed(fix))]
    raise_faults("suggestions that are no correction; run `labels suggest` again", faults)
    _, mismatches = corrections.match(found, photos.assign(id=photos["person"]))
    raise_faults("suggestions that do not fit the labels; run `labels suggest` again", list(map(str, mismatches)))
    people = list(dict.fromkeys(fix.id for fix in found))
    suspected = photos[photos["person"].isin(people)]
    missing = [path for path in suspected["path"] if not (root / TRAIN / path).is_file()]
    raise_faults(f"{root / TRAIN}: photos of suspected people that are not there; bring them back", missing)
    doubts = _doubts(rows, photos, probabilities)
    shown = _photos(suspected, probabilities[suspected.index])
    genders, ages = (dict(zip(suspected["person"], suspected[field], strict=True)) for field in ("gender", "age"))
    return [_case(person, genders[person], int(ages[person]), shown[person], doubts[person]) for person in people]


def _cells(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(rows[["id", "field", "was", "value"]].itertuples(index=False, name=None))


def _case(person: str, gender: str, age: int, photos: list[Picture], doubts: list[Suggestion]) -> Case:
    labelled = {"gender": gender, "age": SCHEMA["age"].values[band(age)]}
    return Case(person, gender, age, labelled, photos, doubts)


def _doubts(rows: pd.DataFrame, photos: pd.DataFrame, probabilities: Table) -> dict[str, list[Suggestion]]:
    readings = {attribute: pooled(photos, probabilities, attribute) for attribute in ("gender", "age")}
    shares = {
        (person, attribute): dict(zip(SCHEMA[attribute].values, map(float, table), strict=True))
        for attribute, reading in readings.items()
        for person, table in zip(reading.people, reading.probabilities, strict=True)
    }
    doubts: dict[str, list[Suggestion]] = {}
    for row in rows.to_dict("records"):
        cells = {key: str(row.get(key, "")) for key in ("field", "was", "value", "score", "evidence")}
        doubt = Suggestion(**cells, shares=shares.get((row["id"], cells["field"]), {}))
        doubts.setdefault(row["id"], []).append(doubt)
    return doubts


def _photos(suspected: pd.DataFrame, probabilities: Table) -> dict[str, list[Picture]]:
    """The seven photos of each person, the bare face first."""
    reads = {attribute: SCHEMA.marginal(probabilities, attribute) for attribute in SCHEMA.names}
    found: dict[str, list[Picture]] = {}
    for number, (path, person) in enumerate(zip(suspected["path"], suspected["person"], strict=True)):
        said = {
            attribute: dict(zip(SCHEMA[attribute].values, map(float, table[number]), strict=True))
            for attribute, table in reads.items()
        }
        found.setdefault(person, []).append(Picture(path, PurePosixPath(path).stem, said))
    for photos in found.values():
        photos.sort(key=lambda photo: STEMS.index(photo.stem))
    return found
