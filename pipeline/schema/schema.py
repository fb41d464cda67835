"""The label schema: what is predicted of a photo, declared once, and the codes of its classes.

`SCHEMA` multiplies mask, gender and age into 18 classes: class code = mask * 6 + gender * 3 + age. A head predicts
one attribute or the product of several, and such a product is a smaller schema: `SCHEMA.head("gender x age")` has 6
classes, with names, codes and arithmetic of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.foundation.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Codes = npt.NDArray[np.int64]
Years = npt.NDArray[np.number[Any]] | Sequence[float] | float

OLDEST = 120
"""The highest age, in years, that a label may have."""


@dataclass(frozen=True)
class Attribute:
    """A property with a code for every value.

    Attributes:
        name: The column of the labels, and what heads, metrics and tables call it.
        values: The names of the values; the code of a value is its position.
        bands: For an age, which labels give in years: the years at which the second value, the third, ... begin.
        years: For an age: the youngest and the oldest label, which stand for all ages up to and from them on.
        of_person: Whether all photos of a person share the value.
    """

    name: str
    values: tuple[str, ...]
    bands: tuple[int, ...] = ()
    years: tuple[int, ...] = ()
    of_person: bool = False

    def codes(self, labels: "pd.Series[Any]", bands: Sequence[float] | None = None) -> Codes:
        """Codes (n,) of labels: values by name, or ages in years cut at `bands`; -1 for an unknown value."""
        if self.bands:
            return band(labels.to_numpy(), self.bands if bands is None else bands)
        return self.value_codes(labels)

    def value_codes(self, names: "pd.Series[str]") -> Codes:
        """Codes (n,) of values by name; -1 for an unknown one."""
        import pandas as pd

        return np.asarray(pd.Index(self.values).get_indexer(pd.Index(names)), dtype=np.int64)


@dataclass(frozen=True)
class LabelSchema:
    """The product of attributes. A class is a value of each; the code counts through the last attribute first."""

    attributes: tuple[Attribute, ...]

    def __getitem__(self, name: str) -> Attribute:
        """The attribute of that name; raises `KeyError` without one."""
        return self._by_name[name]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes, in order."""
        return tuple(self._by_name)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each attribute."""
        return tuple(len(attribute.values) for attribute in self.attributes)

    @cached_property
    def classes(self) -> int:
        """Number of classes."""
        return int(np.prod(self.shape))

    @cached_property
    def class_names(self) -> list[str]:
        """Readable name of every class, by code: `worn male <30`, ..."""
        columns = self.value_names(np.arange(self.classes)).values()
        return [" ".join(row) for row in zip(*columns, strict=True)]

    @cached_property
    def people(self) -> "LabelSchema":
        """The product of the attributes that all photos of a person share."""
        return LabelSchema(tuple(attribute for attribute in self.attributes if attribute.of_person))

    @property
    def name(self) -> str:
        """What a head over these attributes is called: `gender x age`."""
        return " x ".join(self.names)

    def product(self, names: Sequence[str]) -> "LabelSchema":
        """The product of some attributes, in the order given; raises `KeyError` for an unknown one."""
        return LabelSchema(tuple(self[name] for name in names))

    def head(self, name: str) -> "LabelSchema":
        """The product that a head predicts, its attributes in the order of the name.

        Raises:
            InputError: When the name is no product of attributes, or repeats one.
        """
        parts = [part.strip() for part in name.split(" x ")]
        if not set(parts) <= set(self.names) or len(set(parts)) != len(parts):
            raise InputError(f"head '{name}' is no product of {', '.join(self.names)}, written as 'gender x age'")
        return self.product(parts)

    def covered_once(self, heads: Iterable[str]) -> bool:
        """Whether heads together predict every attribute exactly once."""
        return sorted(part for head in heads for part in self.head(head).names) == sorted(self.names)

    def encode(self, codes: Mapping[str, npt.ArrayLike]) -> Codes:
        """Class codes of the codes of each attribute, by its name; others in the mapping are ignored.

        Raises:
            ValueError: When a code is none of its attribute's values.
        """
        parts = tuple(np.asarray(codes[name]) for name in self.names)
        return np.asarray(np.ravel_multi_index(parts, self.shape), dtype=np.int64)

    def decode(self, codes: npt.ArrayLike) -> dict[str, Codes]:
        """Codes of each attribute, by its name, of class codes.

        Raises:
            ValueError: When a code is no class.
        """
        return dict(zip(self.names, np.unravel_index(np.asarray(codes), self.shape), strict=True))

    def value_names(self, codes: Codes) -> dict[str, npt.NDArray[np.str_]]:
        """The name of each attribute's value, by the attribute's name, of class codes (n,)."""
        return {name: np.array(self[name].values)[positions] for name, positions in self.decode(codes).items()}

    def codes(self, labels: "pd.DataFrame", bands: Sequence[int] | None = None) -> Codes:
        """Class codes (n,) of a table of labels: a column an attribute, ages in years.

        Args:
            labels: The table; columns that are no attribute are ignored.
            bands: The years at which the age bands begin, for training on others than the scored ones.

        Raises:
            ValueError: When a label is none of its attribute's values.
        """
        return self.encode({name: self[name].codes(labels[name], bands) for name in self.names})

    def marginal(self, probabilities: npt.NDArray[np.floating], attribute: str) -> npt.NDArray[np.float64]:
        """Probabilities (n, values) of one attribute, from those of the classes (n, classes)."""
        others = tuple(axis for axis, name in enumerate(self.names, start=1) if name != attribute)
        return np.asarray(probabilities.reshape(-1, *self.shape).sum(axis=others, dtype=np.float64))

    @cached_property
    def _by_name(self) -> dict[str, Attribute]:
        return {attribute.name: attribute for attribute in self.attributes}


MASK = Attribute("mask", ("worn", "incorrect", "normal"))
GENDER = Attribute("gender", ("male", "female"), of_person=True)
AGE = Attribute("age", ("<30", "30-59", ">=60"), bands=(30, 60), years=(18, 60), of_person=True)
SCHEMA = LabelSchema((MASK, GENDER, AGE))


def band(years: Years, bands: Sequence[float] | npt.NDArray[np.float64] = AGE.bands) -> Codes:
    """Age band of each age in years: 0 below the first boundary, 1 from it on, 2 from the second on."""
    return np.asarray(np.digitize(np.asarray(years), bands), dtype=np.int64)


def is_years(cell: str) -> bool:
    """Whether a cell of a table is a person's age: whole years, 1 to 120."""
    return cell.isascii() and cell.isdigit() and 1 <= int(cell.lstrip("0")[:4] or 0) <= OLDEST
