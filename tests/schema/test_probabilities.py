"""probabilities: every mix of heads gives a distribution over the 18 classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundation.errors import InputError
from pipeline.schema.probabilities import (
    YEARS,
    Table,
    band_table,
    expected_years,
    fit_spread,
    in_bands,
    in_classes,
    is_distribution,
    likeliest,
    multiply,
    year_codes,
)
from pipeline.schema.schema import SCHEMA, band

MIXES = [
    ("mask", "gender", "age"),
    ("age", "mask", "gender"),
    ("mask", "gender x age"),
    ("age x gender", "mask"),
    ("age x mask x gender",),
    ("mask x gender x age",),
]


def tables(heads: tuple[str, ...], rows: int = 50) -> dict[str, Table]:
    random = np.random.default_rng(777)
    return {head: random.dirichlet(np.ones(SCHEMA.head(head).classes), rows) for head in heads}


@pytest.mark.parametrize("heads", MIXES)
def test_products_of_heads_are_distributions(heads: tuple[str, ...]) -> None:
    product = multiply(tables(heads))
    assert product.shape == (50, SCHEMA.classes)
    np.testing.assert_allclose(product.sum(axis=1), 1)


@pytest.mark.parametrize("heads", MIXES)
def test_a_product_keeps_what_each_head_says(heads: tuple[str, ...]) -> None:
    given = tables(heads)
    cube = multiply(given).reshape(-1, *SCHEMA.shape)
    for head, table in given.items():
        parts = SCHEMA.head(head).names
        others = tuple(axis for axis, name in enumerate(SCHEMA.names, start=1) if name not in parts)
        kept = [name for name in SCHEMA.names if name in parts]
        marginal = cube.sum(axis=others).transpose(0, *(1 + kept.index(part) for part in parts))
        np.testing.assert_allclose(marginal.reshape(len(table), -1), table)


def test_the_likeliest_class_is_made_of_the_likeliest_values() -> None:
    given = tables(("gender", "age", "mask"))
    likeliest = SCHEMA.encode({name: table.argmax(axis=1) for name, table in given.items()})
    np.testing.assert_array_equal(multiply(given).argmax(axis=1), likeliest)


@pytest.mark.parametrize("heads", [("mask", "age"), ("mask", "gender x age", "age"), ()])
def test_heads_that_do_not_cover_each_attribute_once_are_refused(heads: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="mask, gender, age once each"):
        multiply(tables(heads))


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.3, 15))
def test_years_become_distributions_over_bands_that_rise_with_age(years: list[float], spread: float) -> None:
    table = band_table(np.sort(np.asarray(years)), spread)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert (table >= 0).all()
    assert (np.diff(table[:, 0]) <= 1e-12).all()
    assert (np.diff(table[:, 2]) >= -1e-12).all()


@given(st.integers(1, 100), st.floats(-0.49, 0.49), st.floats(0.3, 8))
def test_the_likeliest_band_is_that_of_the_nearest_age_whatever_the_spread(age: int, off: float, spread: float) -> None:
    years = np.array([age + off])
    assert band_table(years, spread).argmax() == likeliest(years) == band(age)


def test_bands_are_as_frequent_as_ages_say() -> None:
    random = np.random.default_rng(777)
    ages = random.integers(15, 75, 200_000)
    shares = band_table(ages + random.normal(0, 3, len(ages)), 3).mean(axis=0)
    np.testing.assert_allclose(shares, np.bincount(band(ages)) / len(ages), atol=0.002)


def test_the_spread_is_that_of_the_residuals() -> None:
    random = np.random.default_rng(777)
    ages = random.integers(18, 70, 50_000)
    assert fit_spread(ages + random.normal(0, 4, len(ages)), ages) == pytest.approx(4, rel=0.02)
    assert fit_spread(ages.astype(np.float32), ages) > 0


@pytest.mark.parametrize("head", ["mask", "age x mask", "gender x age", "mask x gender x age"])
def test_the_marginal_of_an_attribute_is_what_a_product_of_marginals_keeps(head: str) -> None:
    parts = SCHEMA.head(head).names
    alone = tables(parts)
    product = np.einsum(
        ",".join(f"n{part[0]}" for part in parts) + "->n" + "".join(part[0] for part in parts), *alone.values()
    )
    for part in parts:
        np.testing.assert_allclose(SCHEMA.head(head).marginal(product.reshape(50, -1), part), alone[part])


def test_a_distribution_over_years_is_summed_over_the_years_of_each_band() -> None:
    distribution = np.random.default_rng(777).dirichlet(np.ones(len(YEARS)), 20)
    expected = np.stack([distribution[:, band(YEARS) == code].sum(axis=1) for code in range(3)], axis=1)
    np.testing.assert_allclose(in_bands(distribution), expected)
    np.testing.assert_array_equal(likeliest(distribution), expected.argmax(axis=1))
    np.testing.assert_array_equal(in_classes(distribution), in_bands(distribution))


@pytest.mark.parametrize(("edge", "share"), [(29.5, 0.0), (29.75, 0.25), (30.0, 0.5), (30.5, 1.0), (31.0, 1.0)])
def test_an_edge_divides_the_probability_of_its_year_in_proportion(edge: float, share: float) -> None:
    at_thirty = np.eye(len(YEARS))[year_codes(np.array([30]))]
    np.testing.assert_allclose(in_bands(at_thirty, (edge, 59.5)), [[share, 1 - share, 0]])


def test_ages_beyond_the_ends_are_at_the_ends() -> None:
    np.testing.assert_array_equal(
        YEARS[year_codes(np.array([1, 17, 18, 44, 60, 61, 120]))], [18, 18, 18, 44, 60, 60, 60]
    )


def test_the_expectation_of_a_distribution_is_in_years() -> None:
    certain = np.eye(len(YEARS))
    np.testing.assert_allclose(expected_years(certain), YEARS)
    np.testing.assert_allclose(expected_years((certain[[0]] + certain[[-1]]) / 2), [39])
    years = np.array([29.6, 60.2])
    np.testing.assert_array_equal(expected_years(years), years)


def test_no_product_of_attributes_is_taken_for_a_distribution() -> None:
    for heads in MIXES:
        assert not any(is_distribution(table) for table in tables(heads).values())
