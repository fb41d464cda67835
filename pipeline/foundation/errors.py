"""Errors that a user can correct: they name the value, the place and the remedy."""

import errno
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

REMEDIES = {
    errno.ENOSPC: "free some space on this disk and run the command again",
    errno.EDQUOT: "free some of your space on this disk and run the command again",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`) and run the command again",
    errno.EMFILE: "raise the limit on open files (`ulimit -n`) and run the command again",
    errno.ENOMEM: "close other programs, or take a machine with more memory",
}


class InputError(Exception):
    """An input of the pipeline (a table, a photo, a parameter, a path) is wrong."""


class ModelConfigError(InputError):
    """A setting in the configuration of a model cannot be used; the caller adds the name of the model."""


def describe(error: OSError) -> str:
    """A refusal of the system in one line: the file, where one is known, the reason, and what to do about it."""
    reason = error.strerror or str(error) or type(error).__name__
    remedy = REMEDIES.get(error.errno or 0)
    named = reason if error.filename is None else f"{error.filename}: {reason}"
    return f"{named}; {remedy}" if remedy else named


def raise_faults(summary: str, faults: Sequence[str]) -> None:
    """Raise one `InputError` that lists every fault, or return when there are none."""
    if faults:
        raise InputError("\n".join([f"{summary} ({len(faults)}):", *(f"  {fault}" for fault in faults)]))


def did_you_mean(word: str, words: Iterable[str], most: int = 1) -> str:
    """End of a message about an unknown word: `; did you mean 'crop'?`, or nothing where no word is near.

    Near are words that the unknown one begins, the shortest first, then those of a similar spelling (a difflib ratio
    of 0.6); at most `most` are offered.
    """
    known = sorted(set(words) - {word})
    begun = sorted((each for each in known if len(word) > 1 and each.startswith(word)), key=len)
    near = list(dict.fromkeys([*begun, *get_close_matches(word, known, n=most)]))[:most]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
