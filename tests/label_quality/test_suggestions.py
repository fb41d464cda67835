"""suggestions: wrong labels are found and ranked, right ones are left alone, and nothing is applied."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.dataset import corrections
from pipeline.ensembling.shift_estimators import Priors
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.label_quality import suggestions
from pipeline.label_quality.suggestions import Suggestion, read, suggest
from pipeline.schema.schema import GENDER, SCHEMA
from tests.support.readings import labelled, seen_as, with_swap, with_wrong, write


def proposed(suggestions: Sequence[Suggestion]) -> list[tuple[str, str]]:
    return [(suggestion.id, suggestion.field) for suggestion in suggestions]


def test_right_labels_are_left_alone() -> None:
    truth = labelled()
    assert suggest(truth, seen_as(truth)) == []


def test_a_wrong_gender_is_found_with_the_prediction_of_every_photo() -> None:
    truth = labelled()
    found = suggest(with_wrong(truth, "004", gender="female"), seen_as(truth))
    assert proposed(found) == [("004", "gender")]
    assert (found[0].was, found[0].value) == ("female", "male")
    assert found[0].score > 0.9
    assert "(7 photos)" in found[0].evidence


def test_a_wrong_age_becomes_the_usual_age_of_the_likelier_band() -> None:
    truth = labelled()
    found = suggest(with_wrong(truth, "003", age=55), seen_as(truth))
    assert proposed(found) == [("003", "age")]
    assert (found[0].was, found[0].value) == ("55", "24")


def test_a_swap_is_found_by_its_two_photos() -> None:
    truth = labelled()
    found = suggest(with_swap(truth, "007"), seen_as(truth))
    assert proposed(found) == [("007", "mask")]
    assert (found[0].was, found[0].value) == ("", corrections.SWAP)
    assert found[0].evidence.startswith("normal looks incorrect 1.00")


def test_one_odd_photo_is_no_swap() -> None:
    truth = labelled()
    odd = truth.copy()
    odd.loc[odd["path"] == "007/normal.jpg", "mask"] = "incorrect"
    assert suggest(truth, seen_as(odd, sure=0.6)) == []


def test_one_odd_photo_does_not_make_a_person_doubtful() -> None:
    truth = labelled()
    odd = truth.copy()
    odd.loc[odd["path"] == "008/mask3.jpg", "gender"] = "female"
    assert suggest(truth, seen_as(odd)) == []


def test_a_rare_value_that_models_are_unsure_of_is_not_doubted() -> None:
    """Of the old, models give half the probability to their band; of the others nearly all."""
    truth = labelled(100)
    rare = with_wrong(truth, "004", gender="female").assign(
        age=[60 if person < "010" else 45 for person in truth["person"]]
    )
    probabilities = seen_as(rare.assign(gender=truth["gender"]))
    old = (rare["age"] == 60).to_numpy()
    probabilities[old] = (
        probabilities[old] + np.roll(probabilities[old].reshape(-1, 6, 3), -1, axis=2).reshape(-1, 18)
    ) / 2
    assert proposed(suggest(rare, probabilities)) == [("004", "gender")]


def test_the_surest_come_first_and_ages_near_a_boundary_last() -> None:
    truth = labelled()
    wrong = with_wrong(with_wrong(truth, "002", age=58), "005", age=25)
    found = suggest(with_swap(wrong, "011"), seen_as(truth))
    assert set(proposed(found)) == {("002", "age"), ("005", "age"), ("011", "mask")}
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert proposed(found)[-1] == ("002", "age")
    assert found[-1].score < 0.25


def test_what_was_corrected_is_not_questioned_again() -> None:
    truth = labelled()
    wrong = with_wrong(truth, "004", gender="female", age=60, corrected="gender: male -> female")
    assert proposed(suggest(wrong, seen_as(truth))) == [("004", "age")]


@pytest.mark.parametrize("gender", GENDER.values)
def test_a_single_gender_gives_no_suggestions(gender: str) -> None:
    truth = labelled(6).assign(gender=gender, age=40)
    assert suggest(truth, seen_as(truth)) == []


def test_a_band_that_nobody_is_labelled_with_is_never_suggested() -> None:
    truth = labelled()
    young = truth.assign(age=truth["age"].where(truth["age"] < 60, 45))
    assert "62" not in {suggestion.value for suggestion in suggest(young, seen_as(truth))}


def test_equal_inputs_give_equal_suggestions_in_any_order_of_people() -> None:
    truth = labelled()
    wrong = with_swap(with_wrong(truth, "004", gender="female"), "009")
    probabilities = seen_as(truth)
    shuffled = np.random.default_rng(0).permutation(len(wrong))
    again = suggest(wrong.iloc[shuffled].reset_index(drop=True), probabilities[shuffled])
    assert suggest(wrong, probabilities) == again


@pytest.mark.parametrize("noise", range(3))
def test_most_of_many_errors_are_found_and_most_that_is_found_is_wrong(noise: int) -> None:
    truth = labelled(300)
    wrong = truth
    errors = []
    for person in range(0, 60, 10):
        wrong = with_wrong(wrong, f"{person:03d}", gender=GENDER.values[1 - person % 2])
        wrong = with_swap(wrong, f"{person + 1:03d}")
        errors += [(f"{person:03d}", "gender"), (f"{person + 1:03d}", "mask")]
    found = proposed(suggest(wrong, seen_as(truth, sure=0.4, seed=noise)))
    right = len(set(found) & set(errors))
    assert right / len(errors) >= 0.8
    assert right / len(found) >= 0.5


def test_photos_and_probabilities_are_read_in_one_order(tmp_path: Path) -> None:
    labels = labelled(5)
    probabilities = seen_as(labels)
    write(tmp_path, labels[::-1].reset_index(drop=True), probabilities[::-1])
    photos, table = read(tmp_path / "labels.parquet", tmp_path / "out_of_fold.parquet")
    assert list(photos["path"]) == sorted(labels["path"])
    np.testing.assert_allclose(table, probabilities, atol=1e-8)


def test_predictions_of_other_photos_are_named(tmp_path: Path) -> None:
    labels = labelled(2)
    paths = ["900/normal.jpg", *labels["path"][1:]]
    write(tmp_path, labels, seen_as(labels), paths)
    with pytest.raises(InputError, match=r"dvc repro[\s\S]*900/normal\.jpg, which is not expected"):
        read(tmp_path / "labels.parquet", tmp_path / "out_of_fold.parquet")


def test_predictions_of_models_of_other_labels_are_named(tmp_path: Path) -> None:
    labels = labelled(2)
    write(tmp_path, labels, seen_as(labels))
    tables.write(with_wrong(labels, "001", gender="male"), tmp_path / "labels.parquet")
    with pytest.raises(InputError, match=r"other labels[\s\S]*dvc repro[\s\S]*001/incorrect_mask\.jpg"):
        read(tmp_path / "labels.parquet", tmp_path / "out_of_fold.parquet")


def test_the_columns_are_those_of_a_fixes_file() -> None:
    assert set(corrections.COLUMNS) < set(Suggestion._fields)


def test_missing_results_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run `dvc repro`(?s:.*)labels\.parquet(?s:.*)out_of_fold\.parquet"):
        read(tmp_path / "labels.parquet", tmp_path / "out_of_fold.parquet")


def test_the_doubt_in_all_labels_is_computed_once_for_an_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for every suggestion, a tenth of many people with wrong labels would take forever."""
    truth, sizes = labelled(), list[int]()
    wrong = truth
    for person in ("004", "014", "024"):
        wrong = with_wrong(wrong, person, gender="female")
    doubt = suggestions._doubt

    def counted(people: suggestions.PooledAttribute) -> Priors:
        sizes.append(len(people.people))
        return doubt(people)

    monkeypatch.setattr(suggestions, "_doubt", counted)
    assert len(suggest(wrong, seen_as(truth))) == 3
    assert len(sizes) == len(SCHEMA.people.attributes)
