"""Out-of-fold evidence: the predictions of people that a model was not trained on, kept with every version."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema import bootstrap, label_table, metrics
from pipeline.schema.probabilities import Heads, likeliest
from pipeline.schema.schema import SCHEMA, Codes

FILE = "evidence.csv"
PREDICTED = "predicted_"
COLUMNS: dict[str, tables.Kind] = {
    "path": "text",
    "person": "text",
    "fold": "integer",
    "mask": "text",
    "gender": "text",
    "age": "integer",
}
SLICES = SCHEMA.people.class_names


@dataclass(frozen=True)
class OutOfFoldEvidence:
    """A row per labelled photo: labels, fold and `predicted_<attribute>`, empty for photos that were never held out."""

    table: pd.DataFrame

    @classmethod
    def of(cls, photos: pd.DataFrame, predicted: pd.DataFrame) -> "OutOfFoldEvidence":
        """From all labelled photos with their fold, and predictions by path, a column per attribute."""
        table = photos[list(COLUMNS)].merge(
            predicted.add_prefix(PREDICTED), left_on="path", right_index=True, how="left"
        )
        return cls(table.fillna("").sort_values("path", ignore_index=True))

    @classmethod
    def read(cls, path: Path) -> "OutOfFoldEvidence":
        """Read the table of a version.

        Raises:
            InputError: When a cell is no value of the label schema, or nothing is predicted.
        """
        table = tables.read(path, COLUMNS, unique="path")
        label_table.require_values(path, table)
        label_table.require_values(path, table, PREDICTED)
        predicted = [f"{PREDICTED}{name}" for name in SCHEMA.names if f"{PREDICTED}{name}" in table]
        if not predicted:
            raise InputError(f"{path}: no column {PREDICTED}<attribute>; register the model again")
        empty = (table[predicted] == "").sum(axis=1)
        half = table.index[(empty > 0) & (empty < len(predicted))]
        raise_faults(f"{path}: photos of which only some attributes are predicted", [f"row {row + 2}" for row in half])
        return cls(table)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The predicted attributes, in the order of the schema."""
        return tuple(name for name in SCHEMA.names if f"{PREDICTED}{name}" in self.table)

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """The rows of the predicted photos."""
        return self.table[self.table[f"{PREDICTED}{self.attributes[0]}"] != ""].reset_index(drop=True)

    def leaks(self) -> set[str]:
        """Held-out people who were also trained on: their photos are in more than one fold."""
        folds = self.table.groupby("person")["fold"].nunique()
        return set(folds.index[folds > 1]) & set(self.held_out["person"])

    def of_people(self, people: set[str]) -> "OutOfFoldEvidence":
        """The evidence of these people only."""
        return OutOfFoldEvidence(self.table[self.table["person"].isin(people)].reset_index(drop=True))


@dataclass(frozen=True)
class EvalSlice:
    """Held-out photos (n) as class codes over some attributes: true and predicted, with the slice of each person."""

    people: Sequence[str]
    slices: Codes
    true: Codes
    predicted: Codes
    attributes: tuple[str, ...]

    @classmethod
    def of(cls, evidence: OutOfFoldEvidence, attributes: tuple[str, ...] = ()) -> "EvalSlice":
        """Over all predicted attributes, or over the given ones."""
        chosen, rows = attributes or evidence.attributes, evidence.held_out
        product = SCHEMA.product(chosen)
        predicted = {name: SCHEMA[name].value_codes(rows[f"{PREDICTED}{name}"]) for name in chosen}
        return cls(
            list(rows["person"]),
            SCHEMA.people.codes(rows),
            product.codes(rows),
            product.encode(predicted),
            chosen,
        )

    @property
    def classes(self) -> list[str]:
        """The class names in the order of the codes."""
        return SCHEMA.product(self.attributes).class_names

    @cached_property
    def f1(self) -> npt.NDArray[np.float64]:
        """F1 (classes,) of each class."""
        return metrics.f1(metrics.confusion(self.true, self.predicted, len(self.classes)))

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which photos (n,) are predicted correctly in all attributes."""
        return np.asarray(self.true == self.predicted)

    def f1_draws(self) -> npt.NDArray[np.float64]:
        """F1 (draws, classes) of bootstrap draws of people."""
        return bootstrap.f1s(self.people, self.slices, self.true, self.predicted, len(self.classes))

    def of_slice(self, code: int) -> "EvalSlice":
        """The photos of one slice of gender x age band."""
        own = self.slices == code
        people = [person for person, inside in zip(self.people, own, strict=True) if inside]
        return EvalSlice(people, self.slices[own], self.true[own], self.predicted[own], self.attributes)


def of_classes(paths: Sequence[str], codes: Codes) -> pd.DataFrame:
    """Predictions of an ensemble, by path, from class codes 0..17 (n,)."""
    return pd.DataFrame(SCHEMA.value_names(codes), index=list(paths))


def of_heads(paths: Sequence[str], heads: Heads) -> pd.DataFrame:
    """Predictions of a model, by path: the most likely values of each head."""
    columns: dict[str, npt.NDArray[np.str_]] = {}
    for head, numbers in heads.items():
        columns |= SCHEMA.head(head).value_names(likeliest(numbers))
    return pd.DataFrame(columns, index=list(paths))
