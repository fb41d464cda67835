"""Backups: incremental, pruned, restored, from a store with a certificate of a private authority."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.server import compose
from tests.server.deployment import Deployment, deployment


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("deployment"), private_authority=True) as ready:
        yield ready


def put(deployed: Deployment, **artifacts: str) -> None:
    for name, content in artifacts.items():
        deployed.bucket.put_object(Key=f"1/{name}", Body=content.encode())


def stored(deployed: Deployment) -> dict[str, str]:
    return {each.key.removeprefix("1/"): each.get()["Body"].read().decode() for each in deployed.bucket.objects.all()}


def saved(backup: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (backup / "artifacts").rglob("*") if path.is_file()}


def next_second() -> None:
    """The store tells times in whole seconds."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def test_a_second_backup_fetches_what_changed_and_is_whole(deployed: Deployment, tmp_path: Path) -> None:
    first, second = tmp_path / "2026-01-01T000000Z", tmp_path / "2026-01-02T000000Z"
    put(deployed, kept="same", overwritten="aaaa", deleted="gone")
    assert deployed.run("backup", first).returncode == 0
    next_second()
    put(deployed, overwritten="bbbb", new="new")
    deployed.bucket.Object("1/deleted").delete()
    done = deployed.run("backup", second)
    assert done.returncode == 0, done.stderr
    assert saved(first) == {"kept": "same", "overwritten": "aaaa", "deleted": "gone"}
    assert saved(second) == stored(deployed) == {"kept": "same", "overwritten": "bbbb", "new": "new"}
    assert (second / "artifacts/1/kept").samefile(first / "artifacts/1/kept")
    put(deployed, kept="lost")
    restored = deployed.run("restore", second)
    assert restored.returncode == 0, restored.stderr
    assert stored(deployed) == saved(second)
    assert deployed.run("restore", first).returncode == 0
    assert stored(deployed) == saved(first)


def test_a_store_of_an_unknown_authority_is_refused(deployed: Deployment, tmp_path: Path) -> None:
    unknown = {name: value for name, value in deployed.service.items() if name != "AWS_CA_BUNDLE"}
    refused = replace(deployed, service=unknown | {"RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "1"})
    done = refused.run("backup", tmp_path / "backup")
    assert done.returncode != 0
    assert "x509" in done.stderr
    assert not (tmp_path / "backup" / "SHA256SUMS").exists()


def prune(folder: Path, **settings: str) -> set[str]:
    """The backups that are left."""
    environment = {"PATH": "/usr/bin:/bin", **settings}
    subprocess.run([compose.FOLDER / "prune", folder], env=environment, check=True, capture_output=True)
    return {path.name for path in folder.iterdir()}


def test_some_backups_of_days_weeks_and_months_are_kept(tmp_path: Path) -> None:
    newest = datetime(2026, 11, 29, 2, 17, tzinfo=UTC)  # a Sunday
    for day in range(400):
        for hours in (0, 12):
            name = f"{newest - timedelta(days=day, hours=hours):%Y-%m-%dT%H%M%SZ}"
            (tmp_path / name).mkdir()
            (tmp_path / name / "SHA256SUMS").touch()
    (tmp_path / "2026-11-28T000000Z").mkdir()  # has not finished
    (tmp_path / "mine").mkdir()
    left = prune(tmp_path, KEEP_DAILY="3", KEEP_WEEKLY="2", KEEP_MONTHLY="3")
    days = {"2026-11-29T021700Z", "2026-11-28T141700Z", "2026-11-27T141700Z"}
    weeks = {"2026-11-22T141700Z"}  # and the newest of all
    months = {"2026-10-31T141700Z", "2026-09-30T141700Z"}
    assert left == days | weeks | months | {"2026-11-28T000000Z", "mine"}
    assert prune(tmp_path, KEEP_DAILY="3", KEEP_WEEKLY="2", KEEP_MONTHLY="3") == left
    assert prune(tmp_path, KEEP_DAILY="0", KEEP_WEEKLY="0", KEEP_MONTHLY="0") == {
        "2026-11-29T021700Z",
        "2026-11-28T000000Z",
        "mine",
    }


def test_a_folder_without_backups_is_left_as_it_is(tmp_path: Path) -> None:
    assert prune(tmp_path) == set()
