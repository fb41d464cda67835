"""What the doctor finds: checks, their findings, and the table of all of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

MUST, LOOK = "must be fixed", "look at it"


@dataclass(frozen=True)
class Check:
    """A kind of finding: its name, how grave it is, and what it means for the one who reads it."""

    name: str
    severity: str
    meaning: str


@dataclass(frozen=True)
class Finding:
    """One thing found: what it is, and the photos that show it, relative to the data set's folder."""

    check: Check
    text: str
    photos: tuple[str, ...] = ()


def by_check(findings: Iterable[Finding]) -> dict[Check, list[Finding]]:
    """The findings of every check; what must be fixed comes first."""
    groups: dict[Check, list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: finding.check.severity != MUST):
        groups.setdefault(finding.check, []).append(finding)
    return groups


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """A row a finding: severity, check, finding, photos (joined by `; `)."""
    rows = [
        (check.severity, check.name, finding.text, "; ".join(finding.photos))
        for check, group in by_check(findings).items()
        for finding in group
    ]
    return pd.DataFrame(rows, columns=["severity", "check", "finding", "photos"])
