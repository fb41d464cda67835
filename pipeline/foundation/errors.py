"""The errors that a user can mend: they name the value, the place and the remedy."""

from collections.abc import Sequence


class InputError(Exception):
    """Something given to the pipeline (a table, a picture, a parameter, a path) is wrong."""


class EntryError(InputError):
    """A setting of an entry of `models` cannot be had; which entry it is, is told by who knows its name."""


def raise_faults(summary: str, faults: Sequence[str]) -> None:
    """Raise one `InputError` that lists every fault, or return when there are none."""
    if faults:
        raise InputError("\n".join([f"{summary} ({len(faults)}):", *(f"  {fault}" for fault in faults)]))
