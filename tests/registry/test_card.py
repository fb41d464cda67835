"""The model card: whether the scores are unbiased, and the cut of a card that is too long for MLflow."""

from pipeline.registry.card import LONGEST, card, description, scores
from tests.registry.test_gate import CHAMPION, leaking


def test_a_card_says_whether_models_were_trained_on_the_people_they_predict() -> None:
    unbiased, optimistic = (card("mga", one, scores(one), {}) for one in (CHAMPION, leaking(CHAMPION)))
    assert "each predicted by models that were not trained on this person" in unbiased
    assert "120 of them with photos in the training folds too" in optimistic
    assert "were not trained" not in optimistic


def test_a_card_that_fits_is_shown_as_it_is() -> None:
    assert description("x" * LONGEST) == "x" * LONGEST


def test_a_longer_card_ends_with_a_whole_line_and_says_where_the_rest_is() -> None:
    lines = [f"* line {number}" for number in range(LONGEST)]
    *shown, _, last = description("\n".join(lines)).split("\n")
    assert shown == lines[: len(shown)]
    assert "evidence/card.md" in last
    assert LONGEST - 200 < len(description("\n".join(lines))) <= LONGEST
