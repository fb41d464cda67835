"""Corrections of labels: files of rows `id,field,was,value,source`, held against the labels and applied."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.dataset.config import FixFault
from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema.schema import GENDER, OLDEST, SCHEMA, is_years

COLUMNS: dict[str, tables.Kind] = dict.fromkeys(("id", "field", "was", "value", "source"), "text")
SWAP = "swap normal incorrect_mask"
SWAPPED = {"worn": "worn", "incorrect": "normal", "normal": "incorrect"}


class Fix(NamedTuple):
    """A correction of a person's seven photos; `id` is an id of train.csv or the person's path."""

    file: Path
    row: int
    id: str
    field: str
    was: str
    value: str

    @property
    def place(self) -> str:
        """File and row, as messages name them."""
        return f"{self.file}, row {self.row}"


class Mismatch(NamedTuple):
    """A correction that does not apply, and why."""

    fix: Fix
    kind: FixFault
    reason: str

    def __str__(self) -> str:
        return f"{self.fix.place}: {self.reason} ({self.kind})"


Target = tuple[str, str]  # a person's path and the field that is corrected


def read(folder: Path, names: Sequence[str]) -> list[Fix]:
    """The rows of the named files of a folder (`consensus` or `consensus.csv`).

    Raises `InputError` for a file that is not in the folder and for rows that are no correction, all at once.
    """
    there = sorted(path.stem for path in folder.glob("*.csv"))
    wanted = list(dict.fromkeys(name.removesuffix(".csv") for name in names))
    missing = [name for name in wanted if name not in there]
    if missing:
        raise InputError(f"{folder}: no file {', '.join(missing)}; there are: {', '.join(there) or 'none'}")
    fixes = [fix for name in wanted for fix in _read_file(folder / f"{name}.csv")]
    faults = [f"{fix.place}: {fault}" for fix in fixes if (fault := malformed(fix))]
    raise_faults("rows that are no correction", faults)
    return fixes


def match(fixes: Sequence[Fix], photos: pd.DataFrame) -> tuple[dict[Target, Fix], list[Mismatch]]:
    """The correction of each person and field, and the rows that do not apply, by file and row.

    `photos` has the columns id, person, gender and age. Every row is held against the labels as they are there,
    so the order of rows and files does not matter. Rows of different files that agree are one correction; of rows
    that disagree none applies.
    """
    people = photos.drop_duplicates("person").set_index("person")
    claims, mismatches = _find(sorted(fixes), people)
    for (person, field), rivals in claims.items():
        label = "" if field == "mask" else str(people.loc[person, field])
        mismatches += [mismatch for fix in rivals if (mismatch := _mismatch(fix, label, rivals))]
    refused = {mismatch.fix for mismatch in mismatches}
    corrections = {target: fix for target, rivals in claims.items() for fix in rivals if fix not in refused}
    return corrections, sorted(mismatches)


def apply(corrections: dict[Target, Fix], photos: pd.DataFrame) -> pd.DataFrame:
    """The table `tables.LABELS`: photos with corrected labels, and in `corrected` what became what."""
    rows = [_corrected(photo, corrections) for photo in photos.to_dict("records")]
    return pd.DataFrame(rows, columns=list(tables.LABELS)).astype({"age": "int64"})


def _read_file(file: Path) -> Iterator[Fix]:
    rows = tables.read(file, COLUMNS)[["id", "field", "was", "value"]].itertuples(index=False, name=None)
    for number, (identity, field, was, value) in enumerate(rows, start=2):
        yield Fix(file, number, identity, field, _plain(was), _plain(value))


def _plain(cell: str) -> str:
    """Years without leading zeros; anything else as it is."""
    return str(int(cell)) if is_years(cell) else cell


def malformed(fix: Fix) -> str | None:
    """Why a row is no correction, whoever it is of; None when it is one."""
    if fix.field == "mask":
        return (
            None if (fix.was, fix.value) == ("", SWAP) else f"a correction of mask has no `was` and the value `{SWAP}`"
        )
    if fix.field not in SCHEMA.names:
        return f"field {fix.field!r} is none of {', '.join(SCHEMA.names)}"
    for name, cell in (("was", fix.was), ("value", fix.value)):
        if fix.field == "gender" and cell not in GENDER.values:
            return f"{name} {cell!r} is neither {' nor '.join(GENDER.values)}"
        if fix.field == "age" and not is_years(cell):
            return f"{name} {cell!r} is not a number of years (1 to {OLDEST})"
    return f"was and value are both {fix.value}" if fix.was == fix.value else None


def _find(fixes: Sequence[Fix], people: pd.DataFrame) -> tuple[dict[Target, list[Fix]], list[Mismatch]]:
    """The rows that name one person, by whom and what they correct; and the others."""
    called: dict[str, list[str]] = defaultdict(list)
    for person, name in people["id"].items():
        called[name].append(str(person))
    called.update({str(person): [str(person)] for person in people.index})
    claims: dict[Target, list[Fix]] = defaultdict(list)
    mismatches = []
    for fix in fixes:
        found = called.get(fix.id, [])
        if len(found) == 1:
            claims[found[0], fix.field].append(fix)
        elif found:
            reason = f"id {fix.id!r} is used by {' and '.join(found)}; write the one that is meant"
            mismatches.append(Mismatch(fix, "ambiguous", reason))
        else:
            mismatches.append(Mismatch(fix, "unmatched", f"id {fix.id!r} matches nobody"))
    return claims, mismatches


def _mismatch(fix: Fix, label: str, rivals: Sequence[Fix]) -> Mismatch | None:
    """What keeps a row from the label that it and its rivals correct."""
    for rival in rivals:
        if rival.value != fix.value:
            reason = f"{fix.field} of {fix.id} becomes {fix.value}, but {rival.value} by {rival.place}"
            return Mismatch(fix, "conflicting", reason)
    for rival in rivals:
        if rival.file == fix.file and rival.row < fix.row:
            return Mismatch(fix, "already", f"repeats row {rival.row}")
    if fix.value == label:
        return Mismatch(fix, "already", f"{fix.field} of {fix.id} is already {label}")
    if fix.field != "mask" and fix.was != label:
        return Mismatch(fix, "different", f"{fix.field} of {fix.id} is {label}, not {fix.was}")
    return None


def _corrected(photo: dict[Hashable, Any], corrections: dict[Target, Fix]) -> dict[Hashable, Any]:
    changes = {}
    for field in SCHEMA.names:
        if fix := corrections.get((photo["person"], field)):
            value = SWAPPED[photo["mask"]] if field == "mask" else fix.value
            if value != photo[field]:
                changes[field] = value
    corrected = "; ".join(f"{field}: {photo[field]} -> {value}" for field, value in changes.items())
    return photo | changes | {"corrected": corrected}
