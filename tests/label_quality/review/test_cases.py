"""cases: one per person, with all seven photos; every contradiction is named at once."""

import pytest

from pipeline.foundation.errors import InputError
from tests.support.suspects import PEOPLE, Workspace


def test_a_person_is_one_case_with_seven_photos_and_all_suggestions(workspace: Workspace) -> None:
    cases = workspace.cases()
    assert [case.person for case in cases] == [*PEOPLE[:10], PEOPLE[11]]
    assert [suggestion.field for suggestion in cases[0].suggestions] == ["gender", "age"]
    assert [photo.stem for photo in cases[0].photos][:2] == ["normal", "incorrect_mask"]
    assert len(cases[0].photos) == 7
    assert cases[0].labelled == {"gender": "female", "age": "<30"}


def test_a_case_has_the_predictions_of_every_photo_and_of_the_person(workspace: Workspace) -> None:
    case = workspace.cases()[0]
    assert all(photo.predicted["gender"]["female"] > 0.5 for photo in case.photos)
    for suggestion in case.suggestions:
        assert sum(suggestion.probabilities.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("nobody", "gender", "female", "male"), "id 'nobody' matches nobody"),
        ((PEOPLE[3], "gender", "male", "female"), "becomes male, but female by"),
        ((PEOPLE[10], "age", "31", "62"), "age of 000010_female_Asian_30 is 30, not 31"),
        ((PEOPLE[1], "gender", "female", "male"), "repeats row 3"),
        ((PEOPLE[1], "shoes", "41", "42"), "'shoes' is none of mask, gender, age"),
    ],
)
def test_a_suggestion_for_an_unknown_person_or_a_repeated_one_is_named(
    workspace: Workspace, row: tuple[str, str, str, str], message: str
) -> None:
    workspace.suggest([row])
    with pytest.raises(InputError, match=message):
        workspace.cases()


def test_all_missing_photos_are_named(workspace: Workspace) -> None:
    gone = [workspace.data.images / PEOPLE[number] / "mask2.png" for number in (2, 5)]
    for photo in gone:
        photo.unlink()
    with pytest.raises(InputError, match="restore them") as caught:
        workspace.cases()
    assert all(f"{photo.parent.name}/mask2.png" in str(caught.value) for photo in gone)
