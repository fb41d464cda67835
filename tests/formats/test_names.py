"""Names that look alike are told apart in messages, and matched by normal form where that is unambiguous."""

import unicodedata

import pytest

from pipeline.formats.names import matched, near, near_name

COMPOSED, DECOMPOSED = "caf\u00e9.jpg", "cafe\u0301.jpg"


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (DECOMPOSED, "the Unicode form (NFC, NFD)"),
        (f"{COMPOSED} ", "blanks"),
        (COMPOSED.upper(), "capital letters"),
        ("caf\u00e9.jpeg", "the extension"),
        ("images/caf\u00e9.jpg", "the folder"),
        (" CAFE\u0301.png", "blanks, capital letters or the extension"),
    ],
)
def test_the_difference_of_two_names_is_named(other: str, difference: str) -> None:
    assert near(COMPOSED, ["else.jpg", other]) == (other, difference)
    assert near_name(COMPOSED, [other]) == f"; {other!r} is there and differs in {difference}"


@pytest.mark.parametrize("others", [[], ["tea.jpg"], [COMPOSED], [""]])
def test_other_names_are_not_near(others: list[str]) -> None:
    assert near(COMPOSED, others) is None


def test_names_are_matched_by_normal_form_unless_two_share_it() -> None:
    assert matched([DECOMPOSED, "a.jpg"]) == {COMPOSED: DECOMPOSED, "a.jpg": "a.jpg"}
    assert matched([DECOMPOSED, COMPOSED, "a.jpg"]) == {"a.jpg": "a.jpg"}
    assert unicodedata.normalize("NFD", COMPOSED) == DECOMPOSED
