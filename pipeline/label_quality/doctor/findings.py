"""The checks of the doctor and their findings, as a table, as JSON and for the terminal."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from rich.table import Table

from pipeline.foundation.terminal import cell

ERROR, WARNING = "error", "warning"
EXAMPLES = 3
"""Findings of a check that the terminal shows."""
BEGINNING, END = 100, 60
"""Characters of a long finding that the terminal shows: its end has the remedy."""


@dataclass(frozen=True)
class Check:
    """A kind of finding.

    Attributes:
        name: Unique among the checks.
        severity: `ERROR` when a stage refuses the data set, or scores would be wrong; else `WARNING`.
        meaning: What the finding means for the data set.
        remedy: What to do about it.
    """

    name: str
    severity: str
    meaning: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """One finding of a check, and the photos that show it (paths relative to the data set's folder)."""

    check: Check
    text: str
    photos: tuple[str, ...] = ()


def by_check(findings: Iterable[Finding]) -> dict[Check, list[Finding]]:
    """The findings of every check, errors first."""
    groups: dict[Check, list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: finding.check.severity != ERROR):
        groups.setdefault(finding.check, []).append(finding)
    return groups


def errors(findings: Iterable[Finding]) -> int:
    """How many findings are errors."""
    return sum(finding.check.severity == ERROR for finding in findings)


def title(name: str, findings: Sequence[Finding]) -> str:
    """One line: the data set's name, the number of errors and of warnings."""
    count = errors(findings)
    return f"{name}: {_number(count, ERROR)}, {_number(len(findings) - count, WARNING)}"


def records(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """The findings as rows: severity, check, finding, remedy, photos (a list of paths)."""
    return [
        {
            "severity": check.severity,
            "check": check.name,
            "finding": finding.text,
            "remedy": check.remedy,
            "photos": list(finding.photos),
        }
        for check, group in by_check(findings).items()
        for finding in group
    ]


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """A row per finding, as `records` has them, with its photos joined by `; `."""
    found = pd.DataFrame(records(findings), columns=["severity", "check", "finding", "remedy", "photos"])
    return found.assign(photos=found["photos"].str.join("; "))


def as_json(name: str, findings: Sequence[Finding]) -> str:
    """A JSON object: `data` (the data set's name), `errors`, `warnings` (counts) and `findings` (see `records`)."""
    count = errors(findings)
    whole = {"data": name, "errors": count, "warnings": len(findings) - count, "findings": records(findings)}
    return json.dumps(whole, indent=2)


def terminal(findings: Sequence[Finding], title: str) -> Table:
    """A row per check: the number of findings, the first few of them and the remedy."""
    shown = Table(title=cell(title), title_justify="left", show_lines=True)
    shown.add_column("check")
    shown.add_column("found", justify="right")
    shown.add_column("examples and what to do", overflow="fold", ratio=1)
    for check, group in by_check(findings).items():
        colour = "red" if check.severity == ERROR else "yellow"
        examples = [_short(finding.text) for finding in group[:EXAMPLES]]
        if len(group) > EXAMPLES:
            examples.append(f"and {len(group) - EXAMPLES:,} more")
        name = f"[bold]{cell(check.name)}[/]\n[{colour}]{check.severity}[/]"
        shown.add_row(name, f"{len(group):,}", f"{cell(chr(10).join(examples))}\n[cyan]{cell(check.remedy)}[/]")
    return shown


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= BEGINNING + END else f"{text[:BEGINNING]}...{text[-END:]}"
