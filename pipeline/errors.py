"""The one error that a user can mend: it names the value, the place and the remedy."""

from collections.abc import Sequence

SHOWN = 50


class InputError(Exception):
    """Something given to the pipeline (a table, a picture, a parameter, a path) is wrong."""


def raise_faults(summary: str, faults: Sequence[str]) -> None:
    """Raise one `InputError` that lists every fault, or return when there are none."""
    if not faults:
        return
    lines = [f"{summary} ({len(faults)}):", *(f"  {fault}" for fault in faults[:SHOWN])]
    if len(faults) > SHOWN:
        lines.append(f"  ... and {len(faults) - SHOWN} more")
    raise InputError("\n".join(lines))
