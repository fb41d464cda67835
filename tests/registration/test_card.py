"""card: what is too long for MLflow is cut aloud."""

from pipeline.registration.card import LONGEST, description


def test_a_card_that_fits_is_shown_as_it_is() -> None:
    assert description("x" * LONGEST) == "x" * LONGEST


def test_a_longer_card_ends_with_a_whole_line_and_says_where_the_rest_is() -> None:
    lines = [f"* line {number}" for number in range(LONGEST)]
    *shown, _, last = description("\n".join(lines)).split("\n")
    assert shown == lines[: len(shown)]
    assert "evidence/card.md" in last
    assert LONGEST - 200 < len(description("\n".join(lines))) <= LONGEST
