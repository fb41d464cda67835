"""Faults of the settings, as findings beside those of the data."""

from collections.abc import Iterable, Iterator

from pipeline.label_quality.doctor.findings import ERROR, Check, Finding

SETTINGS = Check(
    "settings",
    ERROR,
    "A model of params.yaml cannot be trained: a dummy picture does not pass through it. The stages refuse it.",
    "Correct the key of params.yaml that the finding names.",
)


def find(faults: Iterable[str]) -> Iterator[Finding]:
    """A finding for every fault of the settings."""
    return (Finding(SETTINGS, fault) for fault in faults)
