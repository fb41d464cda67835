"""card: it says what the scores are worth, and what is too long for MLflow is cut aloud."""

from pipeline.registry.card import LONGEST, card, description, scores
from tests.registry.test_gate import CHAMPION, leaking


def test_a_card_says_whether_models_had_seen_whom_they_answered() -> None:
    honest, flattering = (card("mga", one, scores(one), {}) for one in (CHAMPION, leaking(CHAMPION)))
    assert "each answered by models that have not seen this person" in honest
    assert "120 of whom the models have seen in other photos" in flattering
    assert "have not seen" not in flattering


def test_a_card_that_fits_is_shown_as_it_is() -> None:
    assert description("x" * LONGEST) == "x" * LONGEST


def test_a_longer_card_ends_with_a_whole_line_and_says_where_the_rest_is() -> None:
    lines = [f"* line {number}" for number in range(LONGEST)]
    *shown, _, last = description("\n".join(lines)).split("\n")
    assert shown == lines[: len(shown)]
    assert "evidence/card.md" in last
    assert LONGEST - 200 < len(description("\n".join(lines))) <= LONGEST
