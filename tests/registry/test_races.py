"""Two people at once, and processes that are killed: one change of the champion wins, and the history is whole."""

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import Any

import pandas as pd
import pytest

from pipeline.foundation.errors import InputError
from pipeline.registry import alias_history, packaging, registration, versions
from pipeline.registry.alias_history import AliasChange
from pipeline.registry.candidate import Candidate
from pipeline.registry.versions import CHAMPION, Version
from pipeline.tracking import store
from pipeline.tracking.inputs import Input
from tests.registry.test_gate import CHAMPION as EVIDENCE

ROUNDS = 6
LABELS = Input("data/labels.parquet", "0" * 32, {"rows": 1})


@pytest.fixture(params=["database", "server"])
def kind(request: pytest.FixtureRequest, registry: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A local database, which has a lock file, or a server, which has none."""
    versions.client().search_registered_models()
    if request.param == "server":
        monkeypatch.setattr(store, "local_database", lambda: None)
        monkeypatch.setattr(alias_history, "SETTLE", 2.0)  # for a busy machine
    return str(request.param)


@pytest.fixture
def three(kind: str) -> list[Version]:
    """Three versions, the first of which is the champion."""
    client = versions.client()
    client.create_registered_model("mga")
    found = [version(number) for number in range(3)]
    alias_history.promote(found[0], None, "Ada", "the first")
    return found


def version(number: int) -> Version:
    client = versions.client()
    run = client.create_run("0")
    made = client.create_model_version("mga", f"file:///nowhere/{number}", run.info.run_id)
    return versions.read("mga", made.version)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What calls return or raise that begin at the same moment."""
    barrier = Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except InputError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))


def champion() -> int | None:
    found = versions.by_alias("mga", CHAMPION)
    return found.number if found else None


def is_whole(history: list[AliasChange]) -> bool:
    return all(one.after == following.before for one, following in pairwise(history))


def test_of_two_promotions_at_once_one_wins_and_the_other_is_an_error(kind: str, three: list[Version]) -> None:
    for number in range(ROUNDS if kind == "database" else 2):
        current = versions.by_alias("mga", CHAMPION)
        rivals = [one for one in three if one != current]
        promotions = [partial(alias_history.promote, one, current, f"user {one.number}", "a race") for one in rivals]
        results = together(*promotions)
        assert sum(isinstance(result, InputError) for result in results) == 1, results
        (won,) = (result for result in results if isinstance(result, AliasChange))
        assert champion() == won.after
        history = alias_history.reconcile("mga")
        assert is_whole(history)
        assert len(history) == number + 2
        assert history[-1] == replace(won, pending=False)


def test_a_kill_after_the_alias_is_set_keeps_person_and_reason(
    kind: str, three: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = versions.set_model_tag

    def killed(name: str, key: str, text: str) -> None:
        if champion() == 2:
            raise KeyboardInterrupt
        write(name, key, text)

    with monkeypatch.context() as patch:
        patch.setattr(versions, "set_model_tag", killed)
        with pytest.raises(KeyboardInterrupt):
            alias_history.promote(three[1], three[0], "Bob", "better on old women")
    later(monkeypatch)
    last = alias_history.reconcile("mga")[-1]
    assert (last.kind, last.before, last.after) == ("promote", 1, 2)
    assert (last.person, last.reason, last.pending) == ("Bob", "better on old women", False)
    assert alias_history.reconcile("mga") == alias_history.changes("mga")
    assert alias_history.rollback("mga", "Ada", "a test").after == 1


def test_a_kill_before_the_alias_is_set_leaves_nothing(
    kind: str, three: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    before = alias_history.reconcile("mga")
    with monkeypatch.context() as patch:
        patch.setattr(versions, "set_alias", killed)
        with pytest.raises(KeyboardInterrupt):
            alias_history.promote(three[1], three[0], "Bob", "better on old women")
    later(monkeypatch)
    assert alias_history.reconcile("mga") == before
    assert len(versions.model_tags("mga")) == len(before)


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time at which a pending change counts as abandoned."""
    now = datetime.now(UTC) + alias_history.ABANDONED + timedelta(seconds=1)
    monkeypatch.setattr(alias_history, "_now", lambda: now)


@pytest.mark.parametrize("kind", ["server"], indirect=True)
def test_a_promotion_that_is_going_on_elsewhere_refuses_another(three: list[Version]) -> None:
    pending = AliasChange(datetime.now(UTC), "promote", 1, 2, "Bob", "", pending=True, identity="0" * 12)
    versions.set_model_tag(
        "mga",
        pending.key,
        '{"kind": "promote", "before": 1, "after": 2, "person": "Bob", "reason": "", "since": null, "pending": true}',
    )
    with pytest.raises(InputError, match="Bob is setting version 2 as champion at the same time"):
        alias_history.promote(three[2], three[0], "Ada", "")
    assert champion() == 1


def test_two_registrations_at_once_make_one_version(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = Candidate("mga", {"weights": "the same"}, EVIDENCE, {})
    versions.client().create_registered_model("mga")

    def create(_: Candidate, tags: dict[str, str], labels: Input, experiment: str, folder: Path) -> Version:
        client = versions.client()
        run = client.create_run("0")
        made = client.create_model_version("mga", f"file://{folder}", run.info.run_id, tags)
        return versions.read("mga", made.version)

    monkeypatch.setattr(registration, "_create", create)
    for _ in range(ROUNDS):
        results = together(*[lambda: registration.register(candidate, {}, LABELS, "faces")] * 2)
        assert len(versions.versions("mga")) == 1
        assert [found.number for found, _ in results] == [versions.versions("mga")[0].number] * 2
        assert sorted(state for _, state in results) in (
            ["has this content already, the challenger", "registered, the challenger"],
            ["has this content already, the challenger"] * 2,
        )


def test_a_registration_that_is_killed_leaves_no_run_that_says_running(
    registry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses: list[str] = []

    def log_model(**_: object) -> None:
        statuses.extend(run.info.status for run in versions.client().search_runs(["1"]))
        raise KeyboardInterrupt

    (tmp_path / "evidence").mkdir()
    monkeypatch.setattr(importlib.import_module("mlflow.pyfunc"), "log_model", log_model)
    with pytest.raises(KeyboardInterrupt):
        packaging.register(
            "mga", tmp_path, tmp_path / "evidence", None, pd.DataFrame({"a": [1]}), {}, LABELS, "", "faces"
        )
    assert statuses == ["KILLED"]
