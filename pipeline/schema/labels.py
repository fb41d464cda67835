"""Mask, gender and age to the 18 classes and back, by position; `pipeline.schema.schema` takes its place."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.schema.schema import AGE, GENDER, MASK, OLDEST, SCHEMA, Codes, LabelSchema, band, is_years

__all__ = ["OLDEST", "Codes", "band", "is_years"]

MASKS, GENDERS, AGES = MASK.values, GENDER.values, AGE.values
ATTRIBUTES = {attribute.name: attribute.values for attribute in SCHEMA.attributes}
SCORED_BANDS = (30, 60)
SHAPE = SCHEMA.shape
CLASSES = SCHEMA.classes
MASK_OF_STEM = {
    **{f"mask{number}": "worn" for number in range(1, 6)},
    "incorrect_mask": "incorrect",
    "normal": "normal",
}


def shape(attributes: Sequence[str]) -> tuple[int, ...]:
    """Number of values of each attribute, in the order given."""
    return _of(attributes).shape


def encode(mask: npt.ArrayLike, gender: npt.ArrayLike, age: npt.ArrayLike) -> Codes:
    """Class codes 0..17 of codes of mask (0..2), gender (0..1) and age band (0..2)."""
    return SCHEMA.encode({"mask": mask, "gender": gender, "age": age})


def decode(codes: npt.ArrayLike) -> tuple[Codes, Codes, Codes]:
    """Codes of mask, gender and age band of class codes 0..17."""
    mask, gender, age = SCHEMA.decode(codes).values()
    return mask, gender, age


def values(codes: Codes, attributes: Sequence[str] = SCHEMA.names) -> dict[str, npt.NDArray[np.str_]]:
    """The value of each attribute, by the attribute's name, of codes (n,) of a product of attributes."""
    return _of(attributes).value_names(codes)


def names(attributes: Sequence[str] = SCHEMA.names) -> list[str]:
    """Readable name of every class of a product of attributes, by code: `worn male <30`, ..."""
    return _of(attributes).class_names


def label_codes(table: pd.DataFrame, parts: Sequence[str], bands: Sequence[int] = SCORED_BANDS) -> Codes:
    """Code of every row in the product of the named attributes, with age cut at `bands`."""
    return _of(parts).codes(table, bands)


def _of(attributes: Sequence[str]) -> LabelSchema:
    return SCHEMA.head(" x ".join(attributes))
