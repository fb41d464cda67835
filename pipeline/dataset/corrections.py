"""Corrections of labels: files with rows `id,field,was,value,source`, matched with the labels and applied."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.dataset.config import FixFault
from pipeline.formats import tables
from pipeline.formats.names import matched, near_name, normal
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema import label_table
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
    """Read files of corrections.

    Args:
        folder: The folder of the files.
        names: Names of files, with or without `.csv`.

    Raises:
        InputError: When a file is missing or malformed; lists every invalid row.
    """
    there = sorted(path.stem for path in folder.glob("*.csv"))
    wanted = list(dict.fromkeys(name.removesuffix(".csv") for name in names))
    missing = [name for name in wanted if name not in there]
    if missing:
        raise InputError(f"{folder}: no file {', '.join(missing)}; there are: {', '.join(there) or 'none'}")
    fixes = [fix for name in wanted for fix in _read_file(folder / f"{name}.csv")]
    faults = [f"{fix.place}: {fault}" for fix in fixes if (fault := malformed(fix))]
    raise_faults("invalid corrections", faults)
    return fixes


def match(fixes: Sequence[Fix], photos: pd.DataFrame) -> tuple[dict[Target, Fix], list[Mismatch]]:
    """Match corrections with the labels.

    Every row is compared with the original labels, so the order of rows and files does not matter. Rows of different
    files that agree are one correction. Of rows that disagree, none applies.

    Args:
        fixes: The rows of all files.
        photos: The labelled photos, with the columns id, person, gender and age.

    Returns:
        The correction of each person and field, and the rows that do not apply, sorted by file and row.
    """
    if not fixes:
        return {}, []
    people = photos.drop_duplicates("person").set_index("person")
    claims, mismatches = _find(sorted(fixes), people)
    for (person, field), rivals in claims.items():
        label = "" if field == "mask" else str(people.loc[person, field])
        mismatches += [mismatch for fix in rivals if (mismatch := _mismatch(fix, label, rivals))]
    refused = {mismatch.fix for mismatch in mismatches}
    corrections = {target: fix for target, rivals in claims.items() for fix in rivals if fix not in refused}
    return corrections, sorted(mismatches)


def apply(corrections: dict[Target, Fix], photos: pd.DataFrame) -> pd.DataFrame:
    """Return the table `label_table.COLUMNS`: corrected labels, and the changes as text in the column `corrected`."""
    columns = list(label_table.COLUMNS)
    of_corrected = photos["person"].isin({person for person, _ in corrections})
    table = photos.assign(corrected="")[columns]
    if not of_corrected.any():
        return table
    changed = photos[of_corrected]
    rows = [_corrected(photo, corrections) for photo in changed.to_dict("records")]
    corrected = pd.DataFrame(rows, changed.index, columns).astype({"age": "int64"})
    return pd.concat([table[~of_corrected], corrected]).sort_index()


def _read_file(file: Path) -> Iterator[Fix]:
    rows = tables.read(file, COLUMNS)[["id", "field", "was", "value"]].itertuples(name=None)
    for index, identity, field, was, value in rows:
        yield Fix(file, index + 2, identity, field, _plain(was), _plain(value))


def _plain(cell: str) -> str:
    """Remove leading zeros of years; return any other cell unchanged."""
    return str(int(cell)) if is_years(cell) else cell


def malformed(fix: Fix) -> str | None:
    """Return why a row is invalid for every data set, or None for a valid one."""
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
    """Group the rows that match exactly one person by person and field; return the others as mismatches."""
    paths_of_id: dict[str, list[str]] = defaultdict(list)
    for person, name in people["id"].items():
        paths_of_id[name].append(str(person))
    paths_of_id.update({str(person): [str(person)] for person in people.index})
    meant = matched(paths_of_id)
    claims: dict[Target, list[Fix]] = defaultdict(list)
    mismatches = []
    for fix in fixes:
        found = paths_of_id.get(fix.id) or paths_of_id.get(meant.get(normal(fix.id), ""), [])
        if len(found) == 1:
            claims[found[0], fix.field].append(fix)
        elif found:
            reason = f"id {fix.id!r} is used by {' and '.join(found)}; use one of these paths instead"
            mismatches.append(Mismatch(fix, "ambiguous", reason))
        else:
            mismatches.append(
                Mismatch(fix, "unmatched", f"id {fix.id!r} matches nobody{near_name(fix.id, paths_of_id)}")
            )
    return claims, mismatches


def _mismatch(fix: Fix, label: str, rivals: Sequence[Fix]) -> Mismatch | None:
    """Return why a row does not apply; `rivals` are all rows of the same person and field."""
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
