"""schema: 18 codes there and back, bands at their boundaries, and products of attributes as smaller schemas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundation.errors import InputError
from pipeline.schema.schema import AGE, GENDER, MASK, OLDEST, SCHEMA, Attribute, LabelSchema, band, is_years

CODES = np.arange(18)
LABELS = pd.DataFrame({"mask": ["worn", "normal"], "gender": ["male", "female"], "age": [59, 60]})


def test_codes_round_trip() -> None:
    assert np.array_equal(SCHEMA.encode(SCHEMA.decode(CODES)), CODES)


def test_the_code_is_the_one_of_the_competition() -> None:
    codes = SCHEMA.decode(CODES)
    assert np.array_equal(codes["mask"] * 6 + codes["gender"] * 3 + codes["age"], CODES)
    assert SCHEMA.codes(LABELS).tolist() == [1, 2 * 6 + 1 * 3 + 2]
    assert (SCHEMA.classes, SCHEMA.shape) == (18, (3, 2, 3))


@pytest.mark.parametrize("code", [-1, 18])
def test_a_code_outside_the_18_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        SCHEMA.decode([code])


@pytest.mark.parametrize(("mask", "gender", "age"), [(3, 0, 0), (0, 2, 0), (0, 0, 3), (-1, 0, 0)])
def test_an_attribute_outside_its_values_is_refused(mask: int, gender: int, age: int) -> None:
    with pytest.raises(ValueError, match="invalid entry"):
        SCHEMA.encode({"mask": mask, "gender": gender, "age": age})


def test_a_label_that_is_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid entry"):
        SCHEMA.codes(LABELS.assign(gender="neither"))


@pytest.mark.parametrize(("years", "code"), [(1, 0), (29, 0), (29.99, 0), (30, 1), (59, 1), (60, 2), (120, 2)])
def test_bands_begin_at_their_boundaries(years: float, code: int) -> None:
    assert band(years) == code


def test_training_may_use_other_bands_than_scoring() -> None:
    labels = pd.DataFrame({"age": [29, 30, 58, 59]})
    assert SCHEMA.head("age").codes(labels, bands=(30, 59)).tolist() == [0, 1, 1, 2]
    assert SCHEMA.head("age").codes(labels).tolist() == [0, 1, 1, 1]


@given(st.lists(st.integers(1, OLDEST), min_size=1))
def test_bands_rise_with_age(years: list[int]) -> None:
    assert (np.diff(band(sorted(years))) >= 0).all()


def test_class_names_tell_what_the_codes_mean() -> None:
    names = SCHEMA.class_names
    assert names[0] == "worn male <30"
    assert names[17] == "normal female >=60"
    assert len(set(names)) == 18
    assert [name.split(" ")[0] for name in names] == [MASK.values[code] for code in SCHEMA.decode(CODES)["mask"]]


@pytest.mark.parametrize("name", ["mask x gender x age", "gender x age", "age x gender", "mask"])
def test_a_head_is_a_schema_of_its_attributes_in_their_order(name: str) -> None:
    head = SCHEMA.head(name)
    assert head.name == name
    assert head.names == tuple(name.split(" x "))
    assert head.shape == tuple(len(SCHEMA[attribute].values) for attribute in head.names)
    codes = np.arange(head.classes)
    assert np.array_equal(head.encode(head.decode(codes)), codes)
    assert [" ".join(row) for row in zip(*head.value_names(codes).values(), strict=True)] == head.class_names


def test_a_head_takes_its_own_part_of_the_codes_of_all_attributes() -> None:
    parts = SCHEMA.decode(CODES)
    assert np.array_equal(SCHEMA.head("age x mask").encode(parts), parts["age"] * 3 + parts["mask"])


@pytest.mark.parametrize("name", ["height", "gender x gender", "gender x height", "", "genderxage"])
def test_a_head_that_is_no_product_of_attributes_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"head '{name}' is no product of mask, gender, age"):
        SCHEMA.head(name)


def test_heads_cover_the_schema_when_every_attribute_is_predicted_once() -> None:
    assert SCHEMA.covered_once(["age x mask", "gender"])
    assert not SCHEMA.covered_once(["age x mask"])
    assert not SCHEMA.covered_once(["age x mask", "gender", "mask"])


def test_people_are_groups_by_what_their_photos_share() -> None:
    assert SCHEMA.people.names == ("gender", "age")
    assert SCHEMA.people.class_names[4] == "female 30-59"


def test_a_marginal_sums_the_probabilities_of_the_other_attributes() -> None:
    probabilities = np.random.default_rng(777).dirichlet(np.ones(18), 5)
    for name, codes in SCHEMA.decode(CODES).items():
        expected = [probabilities[:, codes == value].sum(axis=1) for value in range(len(SCHEMA[name].values))]
        np.testing.assert_allclose(SCHEMA.marginal(probabilities, name), np.stack(expected, axis=1))


def test_attributes_that_share_a_first_letter_are_told_apart() -> None:
    glasses = Attribute("glasses", ("none", "worn"))
    four = LabelSchema((MASK, GENDER, glasses, AGE))
    labels = LABELS.assign(glasses=["worn", "none"])
    assert four.classes == 36
    assert [four.class_names[code] for code in four.codes(labels)] == [
        "worn male worn 30-59",
        "normal female none >=60",
    ]


@given(st.integers(-1000, 1000))
def test_years_are_whole_and_of_the_living(number: int) -> None:
    assert is_years(str(number)) == (1 <= number <= 120)


@pytest.mark.parametrize("cell", ["", " ", "abc", "30.5", "3e1", "+30", "٣٠", "²", "nan", "9" * 5000])
def test_other_cells_are_no_years(cell: str) -> None:
    assert not is_years(cell)
