"""store: where runs go, told so that other folders understand it."""

from pathlib import Path

import pytest

from pipeline.tracking import store


@pytest.mark.parametrize("address", ["sqlite:///runs.db", None])
def test_a_database_is_told_by_its_whole_path(
    address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    if address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.full_address() == f"sqlite:///{tmp_path / ('runs.db' if address else 'mlflow.db')}"


@pytest.mark.parametrize("address", ["http://mlflow:5000", "sqlite:////data/mlflow.db"])
def test_an_address_that_is_whole_stays(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.full_address() == address
