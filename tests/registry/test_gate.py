import math

import numpy as np
import pandas as pd
import pytest

from pipeline.registry import gate
from pipeline.registry.evidence import PREDICTED, OutOfFoldEvidence
from pipeline.schema.schema import SCHEMA

STEMS = ("mask1", "mask2", "incorrect_mask", "normal")
MASKS = ("worn", "worn", "incorrect", "normal")
AGES = (25, 40, 65)
DATA = {"data_photos": "p", "data_labels": "l"}


def evidence(
    errors: dict[str, float], folds: int = 2, seed: int = 0, people: int = 20, untested: int = 0
) -> OutOfFoldEvidence:
    """People of all genders and ages, some wrong in their age band: a share of the photos of `female 65`, ...

    The last of the folds are `untested`: everybody was trained on their people.
    """
    random = np.random.default_rng(seed)
    rows = []
    for number in range(6 * people):
        gender, age = ("male", "female")[number % 2], AGES[number // 2 % 3]
        person, fold = f"{number:03}_{gender}_{age}", number // 6 % folds
        for stem, mask in zip(STEMS, MASKS, strict=True):
            band = SCHEMA["age"].values[AGES.index(age)]
            wrong = random.random() < errors.get(f"{gender} {age}", errors.get("", 0.1))
            said = SCHEMA["age"].values[(AGES.index(age) + 1) % 3] if wrong else band
            answers = (mask, gender, said) if fold < folds - untested else ("", "", "")
            rows.append((f"{person}/{stem}.jpg", person, fold, mask, gender, age, *answers))
    columns = ["path", "person", "fold", *SCHEMA.names, *(f"{PREDICTED}{name}" for name in SCHEMA.names)]
    return OutOfFoldEvidence(pd.DataFrame(rows, columns=columns).sort_values("path", ignore_index=True))


def leaking(unbiased: OutOfFoldEvidence) -> OutOfFoldEvidence:
    """The same evidence with folds as `split.by: photo` deals them."""
    return OutOfFoldEvidence(unbiased.table.assign(fold=np.arange(len(unbiased.table)) % 2))


CHAMPION = evidence({"": 0.2})


def reasons(challenger: OutOfFoldEvidence) -> tuple[str, ...]:
    return gate.compare(CHAMPION, challenger, (DATA, DATA)).reasons


def test_an_equal_challenger_passes() -> None:
    verdict = gate.compare(CHAMPION, CHAMPION, (DATA, DATA))
    assert verdict.reasons == ()
    assert (verdict.people, verdict.photos) == (120, 480)
    assert all(row.difference == row.low == row.high == 0 for row in verdict.rows)


def test_a_better_challenger_passes() -> None:
    assert reasons(evidence({"": 0.05}, seed=1)) == ()


def test_a_worse_challenger_is_refused_with_the_score_and_the_slices_named() -> None:
    found = reasons(evidence({"": 0.5}, seed=1))
    assert found[0].startswith("worse on macro F1 by 0.")
    assert len(found) == 7


def test_a_challenger_that_is_better_overall_and_worse_for_old_women_is_refused_for_them() -> None:
    (reason,) = reasons(evidence({"": 0.02, "female 65": 0.4}, seed=1))
    assert reason.startswith("worse on female >=60 by 0.")
    verdict = gate.compare(CHAMPION, evidence({"": 0.02, "female 65": 0.4}, seed=1), (DATA, DATA))
    assert verdict.rows[0].difference > 0


def test_a_challenger_that_trained_on_a_part_of_the_held_out_people_is_refused() -> None:
    (reason,) = reasons(evidence({"": 0.0}, folds=4, untested=1))
    assert reason.startswith("the challenger was trained on 30 of the 120 held-out people")


def test_a_challenger_whose_folds_share_people_is_refused() -> None:
    challenger = leaking(evidence({"": 0.0}))
    (reason,) = reasons(challenger)
    assert reason.startswith("the challenger was trained on 120 of the 120")
    assert gate.check_first(challenger).reasons == ("trained on 120 of the people in its evaluation",)


def test_other_folds_are_no_reason_to_refuse() -> None:
    assert reasons(evidence({"": 0.05}, folds=5)) == ()


@pytest.mark.parametrize("key", DATA)
def test_other_data_are_named(key: str) -> None:
    (reason,) = gate.compare(CHAMPION, CHAMPION, (DATA, DATA | {key: "other"})).reasons
    assert reason.startswith(f"{key} differ")


def test_other_people_cannot_be_compared() -> None:
    others = OutOfFoldEvidence(CHAMPION.table.assign(person="x" + CHAMPION.table["person"]))
    verdict = gate.compare(CHAMPION, others, (DATA, DATA))
    assert verdict.rows == ()
    assert verdict.reasons[0].startswith("the challenger has no labels of 120 of the 120 held-out people")


def test_a_model_of_one_attribute_is_compared_on_it_alone() -> None:
    ages = OutOfFoldEvidence(CHAMPION.table.drop(columns=[f"{PREDICTED}mask", f"{PREDICTED}gender"]))
    verdict = gate.compare(ages, ages, (DATA, DATA))
    assert [row.group for row in verdict.rows if row.of == "class"] == list(SCHEMA["age"].values)
    assert "attribute" not in {row.of for row in verdict.rows}
    (reason,) = gate.compare(CHAMPION, ages, (DATA, DATA)).reasons
    assert reason == "the champion predicts mask x gender x age, the challenger age"


def test_the_margins_decide() -> None:
    worse = evidence({"": 0.25}, seed=1)
    assert gate.compare(CHAMPION, worse, (DATA, DATA), margin=0.005, slice_margin=0.03).reasons
    assert not gate.compare(CHAMPION, worse, (DATA, DATA), margin=1, slice_margin=1).reasons
    assert gate.compare(CHAMPION, worse, (DATA, DATA), margin=math.nan, slice_margin=math.nan).reasons


def test_an_interval_holds_the_difference() -> None:
    verdict = gate.compare(CHAMPION, evidence({"": 0.1}, seed=1), (DATA, DATA))
    assert all(row.low <= row.difference <= row.high for row in verdict.rows)
