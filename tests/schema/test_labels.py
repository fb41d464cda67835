"""labels: 18 codes there and back, and the bands at their boundaries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema.labels import (
    AGES,
    ATTRIBUTES,
    CLASSES,
    GENDERS,
    MASK_OF_STEM,
    MASKS,
    OLDEST,
    SHAPE,
    band,
    decode,
    encode,
    is_years,
    names,
    shape,
    values,
)

CODES = np.arange(18)


def test_codes_round_trip() -> None:
    assert np.array_equal(encode(*decode(CODES)), CODES)


def test_the_code_is_the_one_of_the_competition() -> None:
    mask, gender, age = decode(CODES)
    assert np.array_equal(mask * 6 + gender * 3 + age, CODES)
    assert encode(MASKS.index("incorrect"), GENDERS.index("female"), AGES.index(">=60")) == 11


@pytest.mark.parametrize("code", [-1, 18])
def test_a_code_outside_the_18_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        decode([code])


@pytest.mark.parametrize("attributes", [(3, 0, 0), (0, 2, 0), (0, 0, 3), (-1, 0, 0)])
def test_an_attribute_outside_its_values_is_refused(attributes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="invalid entry"):
        encode(*attributes)


@pytest.mark.parametrize(("years", "code"), [(1, 0), (29, 0), (29.99, 0), (30, 1), (59, 1), (60, 2), (120, 2)])
def test_bands_begin_at_their_boundaries(years: float, code: int) -> None:
    assert band(years) == code


def test_training_may_use_other_bands_than_scoring() -> None:
    assert band([29, 30, 58, 59], bands=[30, 59]).tolist() == [0, 1, 1, 2]


@given(st.lists(st.integers(1, OLDEST), min_size=1))
def test_bands_rise_with_age(years: list[int]) -> None:
    assert (np.diff(band(sorted(years))) >= 0).all()


def test_names_tell_what_the_codes_mean() -> None:
    assert names()[0] == "worn male <30"
    assert names()[encode(2, 1, 2)] == "normal female >=60"
    assert len(set(names())) == CLASSES
    assert names(("gender", "age"))[4] == "female 30-59"
    assert [name.split(" ")[0] for name in names()] == [MASKS[code] for code in decode(CODES)[0]]


def test_values_are_the_words_of_names() -> None:
    for attributes in (tuple(ATTRIBUTES), ("gender", "age"), ("mask",)):
        found = values(np.arange(np.prod(shape(attributes))), attributes)
        assert tuple(found) == attributes
        assert [" ".join(row) for row in zip(*found.values(), strict=True)] == names(attributes)


def test_shape_counts_the_values_in_the_order_given() -> None:
    assert shape(tuple(ATTRIBUTES)) == SHAPE
    assert shape(("age", "gender")) == (3, 2)
    assert np.prod(SHAPE) == CLASSES == 18


def test_a_person_has_five_masks_worn_one_wrongly_and_none_once() -> None:
    masks = list(MASK_OF_STEM.values())
    assert [masks.count(mask) for mask in MASKS] == [5, 1, 1]


@given(st.integers(-1000, 1000))
def test_years_are_whole_and_of_the_living(number: int) -> None:
    assert is_years(str(number)) == (1 <= number <= 120)


@pytest.mark.parametrize("cell", ["", " ", "abc", "30.5", "3e1", "+30", "٣٠", "²", "nan"])
def test_other_cells_are_no_years(cell: str) -> None:
    assert not is_years(cell)
