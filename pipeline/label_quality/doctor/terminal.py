"""The findings as a table for the terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from pipeline.label_quality.doctor.findings import MUST, Finding, by_check

SHOWN = 3
WIDEST = 160


def terminal(findings: Sequence[Finding], title: str) -> Table:
    """A row a check: how many findings, and the first few of them."""
    table = Table(title=escape(title), title_justify="left", show_lines=True)
    table.add_column("check")
    table.add_column("found", justify="right")
    table.add_column("for instance", overflow="fold", ratio=1)
    for check, group in by_check(findings).items():
        colour = "red" if check.severity == MUST else "yellow"
        examples = [_short(finding.text) for finding in group[:SHOWN]]
        if len(group) > SHOWN:
            examples.append(f"and {len(group) - SHOWN:,} more")
        name = f"[bold]{check.name}[/]\n[{colour}]{check.severity}[/]"
        table.add_row(name, f"{len(group):,}", escape("\n".join(examples)))
    return table


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}..."
