import pytest

from pipeline.formats.documents import DEEPEST, parse_yaml
from pipeline.foundation.errors import InputError


@pytest.mark.parametrize("bracket", ["[", "{", "{a: ", "- [", "[\n"])
def test_brackets_that_are_nested_too_deep_are_refused_before_they_are_parsed(bracket: str) -> None:
    with pytest.raises(InputError, match=f"params.yaml: .*nested more than {DEEPEST} deep"):
        parse_yaml(bracket * (DEEPEST + 1), "params.yaml")


def test_nested_brackets_are_read() -> None:
    found = parse_yaml("[" * DEEPEST + "5" + "]" * DEEPEST + "\n", "params.yaml")
    for _ in range(DEEPEST):
        (found,) = found
    assert found == 5
    assert len(parse_yaml("\n".join(["- [1, 2]"] * 2 * DEEPEST), "params.yaml")) == 2 * DEEPEST


def test_a_key_that_is_a_list_is_refused() -> None:
    with pytest.raises(InputError, match=r"search.yaml: .*a key is a list"):
        parse_yaml("space:\n- {a: {? [b] : c}}\n", "search.yaml")
    assert parse_yaml("first: &a {b: 1}\n2: [*a, *a]\n", "search.yaml") == {"first": {"b": 1}, 2: [{"b": 1}] * 2}
