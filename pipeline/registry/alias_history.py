"""Who is champion, since when, who said so and why: every move of the alias as a tag of the registered model."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Literal

from pipeline.foundation.errors import InputError
from pipeline.registry import versions
from pipeline.registry.versions import CHALLENGER, CHAMPION, Version

PREFIX = "champion "  # and the time of the move, in UTC
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
UNKNOWN = "unknown"

Kind = Literal["promote", "rollback", "by hand"]


@dataclass(frozen=True)
class AliasChange:
    """The alias went `before` -> `after` (None: nobody is champion).

    A move `by hand`, in the UI, is known only by what it left: it was made at some time from `since` to `time`.
    """

    time: datetime
    kind: Kind
    before: int | None
    after: int | None
    person: str
    reason: str
    since: datetime | None = None

    @property
    def certain_from(self) -> datetime:
        """The earliest time at which it may have been made."""
        return self.since or self.time


def moves(name: str) -> list[AliasChange]:
    """All moves that are written down, the earliest first."""
    notes = versions.notes(name)
    return [_read(key, text) for key, text in sorted(notes.items()) if key.startswith(PREFIX)]


def reconcile(name: str) -> list[AliasChange]:
    """All moves; one that was made by hand since the last is noticed, and written down as such."""
    known = moves(name)
    logged, found = known[-1].after if known else None, versions.pointed(name, CHAMPION)
    actual = found.number if found else None
    if logged == actual:
        return known
    since = known[-1].time if known else min(version.created for version in versions.versions(name))
    reason = "the alias was set outside of this program, which keeps neither person nor time"
    return [*known, _write(name, AliasChange(_now(), "by hand", logged, actual, UNKNOWN, reason, since))]


def promote(version: Version, champion: Version | None, person: str, reason: str) -> AliasChange:
    """Make a version champion in the place of `champion`; it is no longer a challenger.

    Raises `InputError` when another has become champion, with which it was not compared.
    """
    known = reconcile(version.name)
    now, compared = known[-1].after if known else None, champion.number if champion else None
    if now != compared:
        raise InputError(
            f"{version.name}: {_named(now)} has become champion meanwhile, and not {_named(compared)}; promote again"
        )
    move = _move(version, "promote", known, person, reason)
    if versions.pointed(version.name, CHALLENGER) == version:
        versions.point(version.name, CHALLENGER, None)
    return move


def rollback(name: str, person: str, reason: str) -> AliasChange:
    """Make the version champion that was it before the present one; raises `InputError` when there was none."""
    known = reconcile(name)
    if not known:
        raise InputError(f"{name}: nobody has been champion")
    former = succession(known)
    if not former:
        raise InputError(f"{name}: no champion before {_named(known[-1].after)}")
    return _move(versions.find(f"models:/{name}/{former[-1]}"), "rollback", known, person, reason)


def succession(known: Sequence[AliasChange]) -> list[int]:
    """The champions before the present one, to whom a rollback goes back one after another."""
    former: list[int] = []
    for move in known:
        if move.kind == "rollback":
            former.pop()
        elif move.before is not None:
            former.append(move.before)
    return former


def on(known: Sequence[AliasChange], day: date) -> list[str]:
    """What is known of who was champion on a day (UTC), a line an answer."""
    start, end = datetime(day.year, day.month, day.day, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    answers = []
    for move, following in zip(known, [*known[1:], None], strict=True):
        until = following.time if following else end
        if until < start or move.certain_from.date() > day:
            continue
        if move.time.date() > day:
            answers.append(
                f"{_named(move.after)}, perhaps: moved by hand some time from {_told(move.certain_from)}"
                f" to {_told(move.time)}"
            )
        else:
            answers.append(f"{_named(move.after)}, from {_told(move.time)}{_end(following)}")
    return answers or ["no champion is known of"]


def _move(version: Version, kind: Kind, known: Sequence[AliasChange], person: str, reason: str) -> AliasChange:
    before = known[-1].after if known else None
    versions.point(version.name, CHAMPION, version)
    return _write(version.name, AliasChange(_now(), kind, before, version.number, person, reason))


def _write(name: str, move: AliasChange) -> AliasChange:
    content = asdict(move)
    del content["time"]
    content["since"] = move.since and move.since.strftime(FORMAT)
    versions.note(name, PREFIX + move.time.strftime(FORMAT), json.dumps(content))
    return move


def _read(key: str, text: str) -> AliasChange:
    content = json.loads(text)
    content["since"] = content["since"] and _time(content["since"])
    return AliasChange(time=_time(key.removeprefix(PREFIX)), **content)


def _time(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


def _named(number: int | None) -> str:
    return "nobody" if number is None else f"version {number}"


def _told(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _end(following: AliasChange | None) -> str:
    if following is None:
        return " to this day"
    perhaps = f" or earlier, after {_told(following.since)}" if following.since else ""
    return f" to {_told(following.time)}{perhaps}"
