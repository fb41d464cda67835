"""History of the alias champion: each change with its time, person and reason, as a tag of the registered model.

MLflow records neither who set an alias nor when, and it cannot set an alias on a condition. A change is therefore
written as pending first, then the alias is set, then the change is recorded as done:

* A killed process leaves a pending change. The next process sees from the alias whether it happened.
* Of two processes that change the alias at once, one wins and the other gets an `InputError`. On a local database a
  file lock separates them. On a server each waits after writing its pending change until those of others must be
  visible, and the smallest identity wins. This holds as long as no process needs more than `SETTLE` seconds between
  reading the tags and writing its own.
"""

import json
import time as clock
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import uuid4

from pydantic import TypeAdapter

from pipeline.foundation.errors import InputError
from pipeline.registry import versions
from pipeline.registry.versions import CHALLENGER, CHAMPION, Version

PREFIX = "champion "  # the rest of the tag's name: the UTC time of the change, and its identity
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
UNKNOWN = "unknown"
SETTLE = 1.0  # seconds after which the pending changes of others are visible
ABANDONED = timedelta(minutes=1)  # age from which a pending change belongs to a process that was killed

Kind = Literal["promote", "rollback", "by hand"]


@dataclass(frozen=True)
class AliasChange:
    """A change of the alias from version `before` to `after` (None: no champion).

    A change `by hand`, in MLflow's UI, is known only from its result: it happened between `since` and `time`.
    """

    time: datetime
    kind: Kind
    before: int | None
    after: int | None
    person: str
    reason: str
    since: datetime | None = None
    pending: bool = False
    identity: str = ""

    @property
    def earliest(self) -> datetime:
        """The earliest time at which it may have happened."""
        return self.since or self.time

    @property
    def key(self) -> str:
        """The name of its tag."""
        return f"{PREFIX}{self.time.strftime(FORMAT)} {self.identity}".strip()


CHANGE = TypeAdapter(AliasChange)


def changes(name: str) -> list[AliasChange]:
    """The recorded changes, the earliest first."""
    return [change for change in _all(name) if not change.pending]


def reconcile(name: str) -> list[AliasChange]:
    """The recorded changes, after recording those that were made by hand or by a process that was killed."""
    with versions.exclusive() as locked:
        return _reconcile(name, locked)


def promote(version: Version, champion: Version | None, person: str, reason: str) -> AliasChange:
    """Make a version the champion in place of `champion`; it is no longer the challenger.

    Raises:
        InputError: When the champion has changed since the comparison, or another process changes it at the same time.
    """
    with versions.exclusive() as locked:
        known = _reconcile(version.name, locked)
        current, compared = _current(known), champion.number if champion else None
        if current != compared:
            raise InputError(
                f"{version.name}: the champion is now {_label(current)}, but was {_label(compared)} when compared; "
                "promote again"
            )
        change = _change(version, "promote", known, person, reason, locked)
        if versions.by_alias(version.name, CHALLENGER) == version:
            versions.set_alias(version.name, CHALLENGER, None)
    return change


def rollback(name: str, person: str, reason: str) -> AliasChange:
    """Make the previous champion the champion again; raises `InputError` when there was none."""
    with versions.exclusive() as locked:
        known = _reconcile(name, locked)
        if not known:
            raise InputError(f"{name}: there has been no champion")
        former = succession(known)
        if not former:
            raise InputError(f"{name}: no champion before {_label(_current(known))}")
        return _change(versions.find(f"models:/{name}/{former[-1]}"), "rollback", known, person, reason, locked)


def succession(known: Sequence[AliasChange]) -> list[int]:
    """The former champions, in the order in which repeated rollbacks pop them from the end."""
    former: list[int] = []
    for change in known:
        if change.kind == "rollback":
            former.pop()
        elif change.before is not None:
            former.append(change.before)
    return former


def champions_on(known: Sequence[AliasChange], day: date) -> list[str]:
    """The recorded champions of a day (UTC), one line each."""
    start, end = datetime(day.year, day.month, day.day, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    lines = []
    for change, following in zip(known, [*known[1:], None], strict=True):
        until = following.time if following else end
        if until < start or change.earliest.date() > day:
            continue
        if change.time.date() > day:
            lines.append(
                f"{_label(change.after)}, perhaps: set by hand between {_minute(change.earliest)}"
                f" and {_minute(change.time)}"
            )
        else:
            lines.append(f"{_label(change.after)}, from {_minute(change.time)}{_end(following)}")
    return lines or ["no champion recorded"]


def _reconcile(name: str, locked: bool) -> list[AliasChange]:
    recorded = _all(name)
    known = [change for change in recorded if not change.pending]
    pending = [change for change in recorded if change.pending]
    champion = versions.by_alias(name, CHAMPION)
    actual = champion.number if champion else None
    for change in [each for each in pending if locked or _is_abandoned(each)]:
        pending.remove(change)
        if change.after == actual != _current(known):
            known.append(_record(name, replace(change, pending=False)))
        else:
            versions.delete_model_tag(name, change.key)
    if _current(known) == actual or any(change.after == actual for change in pending):
        return known
    since = known[-1].time if known else min(version.created for version in versions.versions(name))
    reason = "the alias was set outside of this program, which records neither person nor time"
    change = AliasChange(_now(), "by hand", _current(known), actual, UNKNOWN, reason, since)
    return [*known, _record(name, change)]


def _change(
    version: Version, kind: Kind, known: Sequence[AliasChange], person: str, reason: str, locked: bool
) -> AliasChange:
    name, before = version.name, _current(known)
    change = AliasChange(_now(), kind, before, version.number, person, reason, pending=True, identity=uuid4().hex[:12])
    if not locked:
        _require_no_rival(_rivals(name, change))
    _record(name, change)
    if not locked:
        _settle(name, change)
    versions.set_alias(name, CHAMPION, version)
    return _record(name, replace(change, pending=False))


def _settle(name: str, change: AliasChange) -> None:
    """Wait until the pending changes of others are visible; withdraw unless this one wins."""
    clock.sleep(SETTLE)
    try:
        _require_no_rival([rival for rival in _rivals(name, change) if rival.identity < change.identity])
        champion = versions.by_alias(name, CHAMPION)
        if (champion.number if champion else None) != change.before:
            raise InputError(f"{name}: another process has changed the champion; try again")
    except InputError:
        versions.delete_model_tag(name, change.key)
        raise


def _rivals(name: str, change: AliasChange) -> list[AliasChange]:
    return [each for each in _all(name) if each.pending and each.identity != change.identity]


def _require_no_rival(rivals: Sequence[AliasChange]) -> None:
    if rivals:
        rival = rivals[0]
        raise InputError(
            f"{rival.person} is setting {_label(rival.after)} as champion at the same time ({rival.kind}, "
            f"{_minute(rival.time)}); check `history` and try again"
        )


def _is_abandoned(change: AliasChange) -> bool:
    return _now() - change.time > ABANDONED


def _current(known: Sequence[AliasChange]) -> int | None:
    return known[-1].after if known else None


def _all(name: str) -> list[AliasChange]:
    """All changes in the tags, the earliest first; one by hand that two processes recorded counts once."""
    tags = versions.model_tags(name)
    found: list[AliasChange] = []
    for key in sorted(key for key in tags if key.startswith(PREFIX)):
        change = _read(name, key, tags[key])
        if change.kind != "by hand" or not any(_same_finding(change, other) for other in found):
            found.append(change)
    return found


def _same_finding(one: AliasChange, other: AliasChange) -> bool:
    return (one.kind, one.before, one.after, one.since) == (other.kind, other.before, other.after, other.since)


def _record(name: str, change: AliasChange) -> AliasChange:
    content = asdict(change)
    del content["time"], content["identity"]
    content["since"] = change.since and change.since.strftime(FORMAT)
    versions.set_model_tag(name, change.key, json.dumps(content))
    return change


def _read(name: str, key: str, text: str) -> AliasChange:
    time, _, identity = key.removeprefix(PREFIX).partition(" ")
    try:
        content = json.loads(text)
        content["since"] = content["since"] and _time(content["since"])
        return CHANGE.validate_python({**content, "time": _time(time), "identity": identity})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"{name}: tag '{key}' is not a change of the alias ({error}); delete it in MLflow's UI"
        ) from None


def _time(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


def _label(number: int | None) -> str:
    return "no version" if number is None else f"version {number}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _end(following: AliasChange | None) -> str:
    if following is None:
        return " to now"
    earlier = f" or earlier, after {_minute(following.since)}" if following.since else ""
    return f" to {_minute(following.time)}{earlier}"
