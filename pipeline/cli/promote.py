"""`promote`, `rollback` and `history`: who is champion, on what evidence, since when and by whom."""

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

Name = Annotated[str, typer.Option("--model", help="A registered model.")]
User = Annotated[str | None, typer.Option(help="Who decides; else the user that git or the system knows.")]


def promote(
    version: Annotated[str, typer.Argument(help="A version's number or alias.")] = "challenger",
    model: Name = ENSEMBLE,
    margin: Annotated[float, typer.Option(min=0, help="Macro F1 that the challenger may lose.")] = MARGIN,
    slice_margin: Annotated[float, typer.Option(min=0, help="Right answers that a slice may lose.")] = SLICE_MARGIN,
    user: User = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the promotion.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Promote what is refused; needs --reason.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the verdict, and promote nothing.")] = False,
) -> None:
    """Compare a challenger with the champion on the same held-out people, and make it champion unless it is worse.

    Exit status 1 when it is refused.
    """
    from pipeline.registry import alias_history, versions

    if force and not reason.strip():
        raise InputError("--force needs --reason: it is kept with the promotion")
    with versions.told():
        challenger = _version(model, version)
        champion = versions.pointed(model, versions.CHAMPION)
        found = _judge(champion, challenger, margin, slice_margin)
        _show(found, champion, challenger)
        if dry_run or (found.reasons and not force):
            raise typer.Exit(1 if found.reasons else 0)
        why = _why(reason, found, margin, slice_margin)
        alias_history.promote(challenger, champion, user or _account(), why)
    print(f"{challenger} is the champion")


def rollback(
    reason: Annotated[str, typer.Option(help="Why; kept with the move.")],
    model: Name = ENSEMBLE,
    user: User = None,
) -> None:
    """Make the version champion again that was it before the present one."""
    from pipeline.registry import alias_history, versions

    with versions.told():
        move = alias_history.rollback(model, user or _account(), reason)
    instead = "" if move.before is None else f", version {move.before} no longer"
    print(f"{model} version {move.after} is the champion{instead}")


def history(
    model: Name = ENSEMBLE,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, in UTC.")] = None,
) -> None:
    """Tell every move of the champion, or who was champion on a day. Moves by hand, in the UI, are noticed here."""
    from rich.console import Console

    from pipeline.registry import alias_history, page, versions

    with versions.told():
        known = alias_history.reconcile(model)
    if on is None:
        Console().print(page.history(model, known) if known else f"{model}: nobody has been champion yet")
    else:
        print("\n".join(f"{model} on {on:%Y-%m-%d}: {answer}" for answer in alias_history.on(known, on.date())))


def _version(model: str, version: str) -> "Version":
    from pipeline.registry import versions

    return versions.find(f"models:/{model}/{version}" if version.isdigit() else f"models:/{model}@{version}")


def _judge(champion: "Version | None", challenger: "Version", margin: float, slice_margin: float) -> "Verdict":
    from pipeline.registry import gate

    if champion == challenger:
        raise InputError(f"{challenger} is the champion already")
    if champion is None:
        return gate.alone(_evidence(challenger))
    tags = champion.tags, challenger.tags
    return gate.judge(_evidence(champion), _evidence(challenger), tags, margin, slice_margin)


def _why(reason: str, found: "Verdict", margin: float, slice_margin: float) -> str:
    """What is kept with a promotion: the reason given, what the gate refused, and what it was asked for."""
    given = [
        reason.strip(),
        f"forced; the gate refused: {'; '.join(found.reasons)}" if found.reasons else "",
        f"margins {margin:g} and {slice_margin:g}" if (margin, slice_margin) != (MARGIN, SLICE_MARGIN) else "",
    ]
    return "; ".join(filter(None, given)) or "passed the gate"


def _evidence(version: "Version") -> "OutOfFoldEvidence":
    from pipeline.registry import versions
    from pipeline.registry.evidence import FILE, OutOfFoldEvidence

    with TemporaryDirectory(prefix="evidence-") as folder:
        return OutOfFoldEvidence.read(versions.download(version, FILE, Path(folder)))


def _show(found: "Verdict", champion: "Version | None", challenger: "Version") -> None:
    from rich.console import Console
    from rich.markup import escape

    from pipeline.registry import page

    console = Console(width=max(Console().width, page.WIDTH))
    if champion is None:
        console.print(f"{challenger} would be the first champion; it held out {found.people:,} people")
    elif found.rows:
        console.print(page.verdict(found, str(champion), str(challenger)))
    for reason in found.reasons:
        console.print(f"[red]refused:[/] {escape(reason)}", highlight=False)
    if not found.reasons:
        console.print("[green]passed[/]")


def _account() -> str:
    command = ["git", "config", "user.name"]
    try:
        name = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        name = ""
    return name or getpass.getuser()
