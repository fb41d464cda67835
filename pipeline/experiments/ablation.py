"""Ablations: rows of parameter changes, each trained with several seeds on the same held-out people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pipeline.config import params, recipes
from pipeline.config.params import NAME, Params
from pipeline.config.validation_messages import validated
from pipeline.experiments.changes import changed
from pipeline.experiments.tasks import Task
from pipeline.formats.documents import parse_yaml, read_text
from pipeline.formats.section import Section, Seed, distinct
from pipeline.foundation.errors import InputError, did_you_mean, raise_faults

Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(distinct)]
Folds = Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(distinct)]


class Change(Section):
    """A row of an ablation.

    Attributes:
        parent: The row that it changes and is compared with; the first row by default.
        changes: New values by dotted key, such as `models.*.epochs: 5`; they add to those of the parent.
        note: What the row tries, with its paper, for the table.
    """

    parent: str | None = None
    changes: dict[str, Any] = Field(default_factory=dict)
    note: str = ""


class AblationFile(Section):
    """An ablation.

    Attributes:
        title: Heading of the table.
        note: Text above the table, in Markdown.
        base: A recipe or params file.
        data: The data set; data.root of the base by default.
        seeds: Seeds of the trainings: every row is trained with each.
        folds: Folds that are held out; those of the base by default.
        output: The table without its extension: `docs/ablation` for docs/ablation.csv and docs/ablation.md.
        rows: The rows by name. The first is the base, without a parent; a parent stands above its rows.
    """

    title: str = "Ablation"
    note: str = ""
    base: str
    data: Path | None = None
    seeds: Seeds = (777,)
    folds: Folds | None = None
    output: Path | None = None
    rows: Annotated[dict[str, Change], Field(min_length=1)]


@dataclass(frozen=True)
class AblationRow:
    """A row whose parameters are valid.

    Attributes:
        name: Its name.
        parent: The row that it is compared with; None for the first.
        note: What it tries.
        changes: What differs from the parent, a line a key.
        params: Its parameters.
    """

    name: str
    parent: str | None
    note: str
    changes: tuple[str, ...]
    params: Params

    def settings(self, seed: int) -> dict[str, Any]:
        """Its parameters with a seed for every training, in the layout of a params file."""
        return changed(self.params.model_dump(mode="json"), {"models.*.seed": seed})


@dataclass(frozen=True)
class Ablation:
    """An ablation whose rows are valid."""

    path: Path
    file: AblationFile
    rows: tuple[AblationRow, ...]

    @property
    def data(self) -> Path:
        """Root of the data set."""
        return self.file.data or self.rows[0].params.data.root

    def tasks(self, folder: Path) -> dict[tuple[str, int], Task]:
        """The workspace in `folder` of every row and seed; all rows of a seed come before the next seed."""
        return {
            (row.name, seed): Task(
                f"{self.path.stem}@{row.name}-{seed}",
                folder / f"{self.path.stem}-{row.name}-{seed}",
                row.settings(seed),
            )
            for seed in self.file.seeds
            for row in self.rows
        }


def read(path: Path) -> Ablation:
    """Read and check an ablation; raises `InputError` that lists the faults of all rows before anything runs."""
    given = parse_yaml(read_text(path, "write the rows of the ablation into it"), str(path))
    file = validated(AblationFile, given, f"{path}: wrong ablation")
    raise_faults(f"{path}: wrong rows", _faults_of_names(file.rows))
    return Ablation(path, file, tuple(_rows(path, file)))


def _rows(path: Path, file: AblationFile) -> Iterator[AblationRow]:
    base, first = recipes.find(file.base), next(iter(file.rows))
    parents = {name: None if name == first else change.parent or first for name, change in file.rows.items()}
    settings: dict[str | None, Any] = {None: parse_yaml(read_text(base, recipes.REMEDY), str(base))}
    if file.folds:
        settings[None] = changed(settings[None], {"train.folds": list(file.folds)})
    for name, change in file.rows.items():
        settings[name] = changed(settings[parents[name]], change.changes)
    valid = _checked(path, {name: settings[name] for name in file.rows})
    for name, change in file.rows.items():
        parent = parents[name]
        differs = recipes.changes(valid[parent], valid[name]) if parent else []
        yield AblationRow(name, parent, change.note, tuple(differs), valid[name])


def _checked(path: Path, settings: Mapping[str, Any]) -> dict[str, Params]:
    """The parameters of every row; raises `InputError` with the faults of all."""
    valid, faults = {}, []
    for name, given in settings.items():
        try:
            valid[name] = params.check(given, f"rows.{name}")
        except InputError as error:
            faults.append(str(error))
    raise_faults(f"{path}: rows with wrong parameters", faults)
    return valid


def _faults_of_names(rows: Mapping[str, Change]) -> list[str]:
    names = list(rows)
    faults = [
        f"rows: {name!r} is no name: letters, digits, _ and -, and no - first"
        for name in names
        if not NAME.fullmatch(name)
    ]
    if rows[names[0]].parent:
        faults.append(f"rows.{names[0]}: the first row is what others are compared with, and has no parent")
    for position, name in enumerate(names[1:], start=1):
        parent = rows[name].parent
        if parent is not None and parent not in names[:position]:
            faults.append(f"rows.{name}: no row '{parent}' above it{did_you_mean(parent, names[:position])}")
    return faults
