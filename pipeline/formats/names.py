"""Names that look alike: how two differ, and the one that is meant where that is unambiguous."""

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePath

Fold = Callable[[str], str]


def normal(name: str) -> str:
    """Return the normal form C of a name: macOS writes `é` as two characters, tables usually hold one."""
    return unicodedata.normalize("NFC", name)


def _stem(name: str) -> str:
    """Return a name without its extension, and with its folder."""
    return name.removesuffix(PurePath(name).suffix)


DIFFERENCES: tuple[tuple[str, Fold], ...] = (
    ("the Unicode form (NFC, NFD)", normal),
    ("blanks", lambda name: "".join(normal(name).split())),
    ("capital letters", lambda name: normal(name).casefold()),
    ("the extension", lambda name: _stem(normal(name))),
    ("the folder", lambda name: PurePath(normal(name)).name),
    ("blanks, capital letters or the extension", lambda name: _stem("".join(normal(name).split())).casefold()),
)
"""What two names can differ in, and the function after which they are equal; the first that applies is reported."""


def near(name: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first of `names` that looks like a name without being it, and what they differ in; None without."""
    others = sorted(set(names) - {name})
    for difference, fold in DIFFERENCES:
        for other in others:
            if fold(other) and fold(other) == fold(name):
                return other, difference
    return None


def near_name(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about a name that is not among `names`: the one that looks like it, or no text."""
    found = near(name, names)
    return f"; {found[0]!r} is there and differs in {found[1]}" if found else ""


def matched(names: Iterable[str]) -> dict[str, str]:
    """Return the name of every normal form, where only one of `names` has it."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(normal(name), []).append(name)
    return {form: same[0] for form, same in found.items() if len(same) == 1}
