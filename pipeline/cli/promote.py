"""`promote`, `rollback` and `history`: set the champion on out-of-fold evidence, undo it, and list its changes."""

import getpass
import subprocess
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.foundation.errors import InputError
from pipeline.registry import ENSEMBLE, MARGIN, SLICE_MARGIN

if TYPE_CHECKING:
    from pipeline.registry.evidence import OutOfFoldEvidence
    from pipeline.registry.gate import Verdict
    from pipeline.registry.versions import Version

Name = Annotated[str, typer.Option("--model", help="Name of a registered model.")]
User = Annotated[str | None, typer.Option(help="Name to record. Default: the user name of git or of the system.")]


def promote(
    version: Annotated[str, typer.Argument(help="Number or alias of a version.")] = "challenger",
    model: Name = ENSEMBLE,
    margin: Annotated[float, typer.Option(min=0, help="Largest accepted loss of macro F1, from 0 to 1.")] = MARGIN,
    slice_margin: Annotated[
        float, typer.Option(min=0, help="Largest accepted loss of accuracy in a slice, from 0 to 1.")
    ] = SLICE_MARGIN,
    user: User = None,
    reason: Annotated[str, typer.Option(help="Recorded with the promotion.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Promote although the gate refuses; needs --reason.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the verdict without promoting.")] = False,
) -> None:
    """Compare a challenger with the champion on the same held-out people, and promote it unless it is worse.

    The exit status is 1 if the gate refuses it.

    Example: python -m pipeline promote --dry-run
    """
    from pipeline.registry import alias_history, versions

    if force and not reason.strip():
        raise InputError("--force needs --reason, which is recorded with the promotion")
    with versions.as_input_errors():
        challenger = _version(model, version)
        champion = versions.by_alias(model, versions.CHAMPION)
        verdict = _judge(champion, challenger, margin, slice_margin)
        _show(verdict, champion, challenger)
        if dry_run or (verdict.reasons and not force):
            raise typer.Exit(1 if verdict.reasons else 0)
        recorded = _recorded_reason(reason, verdict, margin, slice_margin)
        alias_history.promote(challenger, champion, user or _account(), recorded)
    print(f"{challenger} is the champion")


def rollback(
    reason: Annotated[str, typer.Option(help="Recorded with the rollback.")],
    model: Name = ENSEMBLE,
    user: User = None,
) -> None:
    """Make the previous champion the champion again.

    Example: python -m pipeline rollback --reason "worse on the new camera"
    """
    from pipeline.registry import alias_history, versions

    with versions.as_input_errors():
        change = alias_history.rollback(model, user or _account(), reason)
    instead = "" if change.before is None else f" instead of version {change.before}"
    print(f"{model} version {change.after} is the champion{instead}")


def history(
    model: Name = ENSEMBLE,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Show the champion of a day (UTC).")] = None,
) -> None:
    """List the changes of the champion, also those made in MLflow's UI, or show the champion of one day.

    Example: python -m pipeline history --on 2026-01-31
    """
    from rich.console import Console

    from pipeline.registry import alias_history, page, versions

    with versions.as_input_errors():
        known = alias_history.reconcile(model)
    if on is None:
        Console().print(page.history(model, known) if known else f"{model}: no champion yet")
    else:
        print("\n".join(f"{model} on {on:%Y-%m-%d}: {line}" for line in alias_history.champions_on(known, on.date())))


def _version(model: str, version: str) -> "Version":
    from pipeline.registry import versions

    return versions.find(f"models:/{model}/{version}" if version.isdigit() else f"models:/{model}@{version}")


def _judge(champion: "Version | None", challenger: "Version", margin: float, slice_margin: float) -> "Verdict":
    from pipeline.registry import gate

    if champion == challenger:
        raise InputError(f"{challenger} is already the champion")
    if champion is None:
        return gate.check_first(_evidence(challenger))
    tags = champion.tags, challenger.tags
    return gate.compare(_evidence(champion), _evidence(challenger), tags, margin, slice_margin)


def _recorded_reason(reason: str, verdict: "Verdict", margin: float, slice_margin: float) -> str:
    """The reason of the person, the objections of the gate that were overruled, and margins that are not default."""
    parts = [
        reason.strip(),
        f"forced; the gate refused: {'; '.join(verdict.reasons)}" if verdict.reasons else "",
        f"margins {margin:g} and {slice_margin:g}" if (margin, slice_margin) != (MARGIN, SLICE_MARGIN) else "",
    ]
    return "; ".join(filter(None, parts)) or "passed the gate"


def _evidence(version: "Version") -> "OutOfFoldEvidence":
    from pipeline.registry import versions
    from pipeline.registry.evidence import FILE, OutOfFoldEvidence

    with TemporaryDirectory(prefix="evidence-") as folder:
        return OutOfFoldEvidence.read(versions.download(version, FILE, Path(folder)))


def _show(verdict: "Verdict", champion: "Version | None", challenger: "Version") -> None:
    from rich.console import Console

    from pipeline.foundation.terminal import cell
    from pipeline.registry import page

    console = Console(width=max(Console().width, page.WIDTH))
    if champion is None:
        console.print(
            f"{challenger} would be the first champion; its evidence is of {verdict.people:,} held-out people"
        )
    elif verdict.rows:
        console.print(page.verdict(verdict, str(champion), str(challenger)))
    for reason in verdict.reasons:
        console.print(f"[red]refused:[/] {cell(reason)}", highlight=False)
    if not verdict.reasons:
        console.print("[green]passed[/]")


def _account() -> str:
    command = ["git", "config", "user.name"]
    try:
        name = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        name = ""
    return name or getpass.getuser()
