"""Photos cut short and with wrong bytes, and whether they are refused."""

from collections.abc import Callable, Mapping

from hypothesis import strategies as st

from pipeline.foundation.errors import InputError


@st.composite
def damaged(draw: st.DrawFn, contents: Mapping[str, bytes]) -> bytes:
    """One of these files, some of its bytes others and some of its end missing."""
    content = bytearray(contents[draw(st.sampled_from(sorted(contents)))])
    missing = draw(st.integers(0, 400) | st.just(0))
    for place, value in draw(st.dictionaries(st.integers(0, 10_000), st.integers(0, 255))).items():
        content[place % len(content)] = value
    return bytes(content[: len(content) - missing])


def is_refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except InputError:
        return True
    return False
