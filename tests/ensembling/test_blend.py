"""blend: whatever is fitted after training is scored on photos that it was not fitted on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pipeline.dataset.folds import GROUPS
from pipeline.ensembling import blend
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.schema.probabilities import Heads, band_table, fit_spread, multiply
from pipeline.schema.schema import SCHEMA

MASK, PAIR, YEARS = ("mask",), ("gender x age",), ("age=years", "mask", "gender")


def photos(people: int = 30, folds: int = 3) -> pd.DataFrame:
    person = np.repeat(np.arange(people), 3)
    return pd.DataFrame(
        {
            "path": [f"{who:02}/{number}.jpg" for number, who in enumerate(person)],
            "person": [f"{who:02}" for who in person],
            "mask": ["worn", "incorrect", "normal"] * people,
            "gender": np.where(person % 2, "male", "female"),
            "age": 20 + person * 7 % 50,
            "fold": person % folds,
        }
    )


def predictions(heads: Sequence[str], table: pd.DataFrame, seed: int, right: float = 0.6) -> Heads:
    """Predictions of a model that favours the true value in a share of the photos."""
    random = np.random.default_rng(seed)
    lean = random.random(len(table)) < right
    heads_of: dict[str, np.typing.NDArray[np.float64]] = {}
    for head in heads:
        if head.endswith("=years"):
            heads_of["age"] = table["age"].to_numpy(np.float64) + random.normal(0, 6, len(table))
            continue
        classes = SCHEMA.head(head).classes
        truth = np.eye(classes)[SCHEMA.head(head).codes(table)]
        heads_of[head] = (random.dirichlet(np.ones(classes), len(table)) + lean[:, None] * truth) / (1 + lean[:, None])
    return heads_of


@pytest.fixture
def table() -> pd.DataFrame:
    return photos()


@pytest.fixture
def member_probabilities(table: pd.DataFrame) -> MemberProbabilities:
    heads = {"mask": MASK, "pair": PAIR, "three": YEARS, "gender_too": ("gender",)}
    return {name: [predictions(parts, table, seed)] for seed, (name, parts) in enumerate(heads.items())}


def two_systems(**settings: object) -> Ensemble:
    return Ensemble.model_validate({"systems": [["mask", "pair"], ["three"]]} | settings)


def without(member_probabilities: MemberProbabilities, name: str) -> MemberProbabilities:
    return {other: members for other, members in member_probabilities.items() if other != name}


EVERY_KIND = [
    two_systems(),
    two_systems(weights="greedy"),
    two_systems(top_systems=1),
    two_systems(top_systems=2, choice="unlike"),
    two_systems(vote="hard", weights="greedy"),
    two_systems(vote="logit_mean", weights=[1, 3]),
    two_systems(weights="stacked"),
    two_systems(stacking="regression"),
    two_systems(stacking="boosting"),
    Ensemble(systems="per_attribute", stacking="regression", top_systems=2, choice="unlike"),
    Ensemble(systems="per_attribute"),
    Ensemble(systems="per_attribute", top_systems=1, vote="logit_mean"),
]


@pytest.mark.parametrize("params", EVERY_KIND)
def test_every_prediction_is_a_distribution_over_the_classes(
    member_probabilities: MemberProbabilities, table: pd.DataFrame, params: Ensemble
) -> None:
    for table_of in (
        blend.predict(member_probabilities, blend.fit(member_probabilities, table, params), params),
        blend.nested(member_probabilities, table, params),
    ):
        assert table_of.shape == (len(table), SCHEMA.classes)
        np.testing.assert_allclose(table_of.sum(axis=1), 1)


@pytest.mark.parametrize("params", EVERY_KIND)
def test_a_fold_is_predicted_by_what_is_fitted_on_the_other_folds(
    member_probabilities: MemberProbabilities, table: pd.DataFrame, params: Ensemble
) -> None:
    own = (table["fold"] == 1).to_numpy()
    before = blend.nested(member_probabilities, table, params)
    relabelled = table.assign(
        mask=np.where(own, "worn", table["mask"]),
        gender=np.where(own, "male", table["gender"]),
        age=np.where(own, 20, table["age"]),
    )
    np.testing.assert_array_equal(blend.nested(member_probabilities, relabelled, params)[own], before[own])


def test_what_is_fitted_does_depend_on_the_labels(
    member_probabilities: MemberProbabilities, table: pd.DataFrame
) -> None:
    relabelled = table.assign(age=table["age"].to_numpy()[::-1], gender=table["gender"].to_numpy()[::-1])
    for params in (two_systems(), two_systems(top_systems=1), two_systems(weights="greedy")):
        one, other = (
            blend.predict(member_probabilities, blend.fit(member_probabilities, labels, params), params)
            for labels in (table, relabelled)
        )
        assert not np.array_equal(one, other)


def test_a_fold_alone_is_split_into_groups_of_people(member_probabilities: MemberProbabilities) -> None:
    table, params = photos(folds=1), two_systems(weights="greedy")
    answer = blend.nested(member_probabilities, table, params)
    group = (table["person"].astype(int) % GROUPS == 2).to_numpy()
    relabelled = table.assign(age=np.where(group, 20, table["age"]))
    np.testing.assert_array_equal(blend.nested(member_probabilities, relabelled, params)[group], answer[group])


def test_years_become_bands_by_the_spread_of_labelled_photos(
    member_probabilities: MemberProbabilities, table: pd.DataFrame
) -> None:
    params = Ensemble(systems=(("three",),))
    fitted = blend.fit({"three": member_probabilities["three"]}, table, params)
    (heads,) = member_probabilities["three"]
    assert fitted.years_stds == {"three=age": fit_spread(heads["age"], table["age"].to_numpy())}
    expected = multiply({**heads, "age": band_table(heads["age"], fitted.years_stds["three=age"])})
    np.testing.assert_allclose(blend.predict({"three": member_probabilities["three"]}, fitted, params), expected)


def test_years_of_several_members_vote_as_bands(member_probabilities: MemberProbabilities, table: pd.DataFrame) -> None:
    params = Ensemble(systems=(("three",),), vote="hard")
    fitted = blend.fit({"three": member_probabilities["three"]}, table, params)
    (heads,) = member_probabilities["three"]
    years = [np.full(len(table), age) for age in (20.0, 40.0, 41.0)]
    members = [{**heads, "age": one} for one in years]
    ages = blend.predict({"three": members}, fitted, params).reshape(-1, *SCHEMA.shape).sum(axis=(1, 2))
    assert set(ages.argmax(axis=1)) == {1}


def test_a_system_is_the_product_of_its_models_and_systems_vote_by_weight(
    member_probabilities: MemberProbabilities, table: pd.DataFrame
) -> None:
    (mask,), (pair,), (three,) = (member_probabilities[name] for name in ("mask", "pair", "three"))
    params = two_systems(weights=[1, 3])
    answer = blend.predict(member_probabilities, blend.fit(member_probabilities, table, params), params)
    spread = fit_spread(three["age"], table["age"].to_numpy())
    systems = [multiply({**mask, **pair}), multiply({**three, "age": band_table(three["age"], spread)})]
    np.testing.assert_allclose(answer, 0.25 * systems[0] + 0.75 * systems[1])


def test_per_attribute_takes_the_best_model_of_each_attribute(table: pd.DataFrame) -> None:
    member_probabilities = {
        "joint": [predictions(["mask x gender x age"], table, 1, right=0.5)],
        "good_mask": [predictions(MASK, table, 2, right=1)],
        "poor_pair": [predictions(PAIR, table, 3, right=0)],
        "good_gender": [predictions(["gender"], table, 4, right=1)],
    }
    params = Ensemble(systems="per_attribute", top_systems=1)
    fitted = blend.fit(member_probabilities, table, params)
    systems = blend.systems(member_probabilities, fitted, table, params)
    chosen = systems[systems["weight"] == 1].set_index("predicts")["system"]
    assert dict(chosen) == {"mask": "good_mask", "gender": "good_gender", "age": "joint"}
    assert list(systems["predicts"]) == ["mask"] * 2 + ["gender"] * 3 + ["age"] * 2
    cube = blend.predict(member_probabilities, fitted, params).reshape(-1, 3, 2, 3)
    np.testing.assert_allclose(cube.sum(axis=(2, 3)), member_probabilities["good_mask"][0]["mask"])
    joint = member_probabilities["joint"][0]["mask x gender x age"].reshape(-1, 3, 2, 3)
    np.testing.assert_allclose(cube.sum(axis=(1, 2)), joint.sum(axis=(1, 2)))


def test_all_models_vote_on_what_they_predict(member_probabilities: MemberProbabilities, table: pd.DataFrame) -> None:
    params = Ensemble(systems="per_attribute")
    cube = blend.predict(member_probabilities, blend.fit(member_probabilities, table, params), params).reshape(
        -1, *SCHEMA.shape
    )
    pair = member_probabilities["pair"][0]["gender x age"].reshape(-1, 2, 3).sum(axis=2)
    genders = [pair, member_probabilities["three"][0]["gender"], member_probabilities["gender_too"][0]["gender"]]
    np.testing.assert_allclose(cube.sum(axis=(1, 3)), np.mean(genders, axis=0))


def test_the_table_of_systems_has_scores_and_weights(
    member_probabilities: MemberProbabilities, table: pd.DataFrame
) -> None:
    params = two_systems(weights="greedy")
    systems = blend.systems(member_probabilities, blend.fit(member_probabilities, table, params), table, params)
    assert list(systems["system"]) == ["mask + pair", "three"]
    assert set(systems["predicts"]) == {"mask x gender x age"}
    assert systems["weight"].sum() == pytest.approx(1)
    assert systems["macro_f1"].between(0, 1).all()


def test_a_model_in_no_system_changes_nothing(member_probabilities: MemberProbabilities, table: pd.DataFrame) -> None:
    params = two_systems(weights="greedy")
    fewer = without(member_probabilities, "gender_too")
    np.testing.assert_array_equal(blend.nested(fewer, table, params), blend.nested(member_probabilities, table, params))
