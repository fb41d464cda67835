"""Mask, gender and age to the 18 classes and back: the domain's constants, pure.

class code = mask * 6 + gender * 3 + age band
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Codes = npt.NDArray[np.int64]

MASKS = ("worn", "incorrect", "normal")
GENDERS = ("male", "female")
AGES = ("<30", "30-59", ">=60")
ATTRIBUTES: dict[str, tuple[str, ...]] = {"mask": MASKS, "gender": GENDERS, "age": AGES}
SCORED_BANDS = (30, 60)
OLDEST = 120
SHAPE = (len(MASKS), len(GENDERS), len(AGES))
CLASSES = len(MASKS) * len(GENDERS) * len(AGES)
MASK_OF_STEM = {
    **{f"mask{number}": "worn" for number in range(1, 6)},
    "incorrect_mask": "incorrect",
    "normal": "normal",
}


def is_years(cell: str) -> bool:
    """Whether a cell of a table is a person's age: whole years, 1 to 120."""
    return cell.isascii() and cell.isdigit() and 1 <= int(cell) <= OLDEST


def band(
    years: npt.NDArray[np.number[Any]] | Sequence[float] | float,
    bands: Sequence[float] | npt.NDArray[np.float64] = SCORED_BANDS,
) -> Codes:
    """Age band of each age in years: 0 below the first boundary, 1 from it on, 2 from the second on."""
    return np.asarray(np.digitize(np.asarray(years), bands), dtype=np.int64)


def shape(attributes: Sequence[str]) -> tuple[int, ...]:
    """Number of values of each attribute, in the order given."""
    return tuple(len(ATTRIBUTES[attribute]) for attribute in attributes)


def encode(mask: npt.ArrayLike, gender: npt.ArrayLike, age: npt.ArrayLike) -> Codes:
    """Class codes 0..17 of codes of mask (0..2), gender (0..1) and age band (0..2)."""
    codes = np.ravel_multi_index((np.asarray(mask), np.asarray(gender), np.asarray(age)), SHAPE)
    return np.asarray(codes, dtype=np.int64)


def decode(codes: npt.ArrayLike) -> tuple[Codes, Codes, Codes]:
    """Codes of mask, gender and age band of class codes 0..17."""
    mask, gender, age = np.unravel_index(np.asarray(codes), SHAPE)
    return mask, gender, age


def values(codes: Codes, attributes: Sequence[str] = tuple(ATTRIBUTES)) -> dict[str, npt.NDArray[np.str_]]:
    """The value of each attribute, by the attribute's name, of codes (n,) of a product of attributes."""
    positions = np.unravel_index(codes, shape(attributes))
    return {name: np.array(ATTRIBUTES[name])[position] for name, position in zip(attributes, positions, strict=True)}


def names(attributes: Sequence[str] = tuple(ATTRIBUTES)) -> list[str]:
    """Readable name of every class of a product of attributes, by code: `worn male <30`, ..."""
    values = [ATTRIBUTES[attribute] for attribute in attributes]
    return [
        " ".join(value[i] for value, i in zip(values, index, strict=True)) for index in np.ndindex(shape(attributes))
    ]


def label_codes(table: pd.DataFrame, parts: Sequence[str], bands: Sequence[int] = SCORED_BANDS) -> Codes:
    """Code of every row in the product of the named attributes, with age cut at `bands`."""
    values = {
        "mask": lambda: _positions(table["mask"], MASKS),
        "gender": lambda: _positions(table["gender"], GENDERS),
        "age": lambda: band(table["age"].to_numpy(), bands),
    }
    product = np.ravel_multi_index(tuple(values[part]() for part in parts), shape(parts))
    return np.asarray(product, dtype=np.int64)


def _positions(values: "pd.Series[str]", names: Sequence[str]) -> Codes:
    return np.asarray(pd.Index(names).get_indexer(pd.Index(values)), dtype=np.int64)
