"""The address of an experiment's runs: the training view of MLflow's pages, with the columns of scores."""

import json
from pathlib import Path

import pytest

from pipeline.tracking import pipeline_runs, store

LOCAL = "http://127.0.0.1:5000"


def test_an_experiment_is_opened_with_its_scores_and_an_older_one_gets_the_view_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = store.connect()
    old = client.create_experiment("old", artifact_location=tmp_path.as_uri())
    for name in ("old", "new"):
        number = store.experiment_id(client, name)
        assert store.page(client, name, LOCAL) == (
            f"{LOCAL}/#/experiments/{number}/runs?workflowType=machine_learning&viewStateShareKey=scores"
        )
        view = json.loads(client.get_experiment(number).tags["mlflow.sharedViewState.scores"])
        assert view["selectedColumns"][:3] == ["metrics.`macro_f1`", "metrics.`accuracy`", "metrics.`mask_macro_f1`"]
    run = client.create_run(old, tags={pipeline_runs.IDENTITY: "a"})
    part = {pipeline_runs.IDENTITY: "a", pipeline_runs.PARENT: run.info.run_id}
    client.create_run(old, tags=part)
    client.create_run(old)
    assert pipeline_runs.latest(client, old) == run.info.run_id
    assert pipeline_runs.latest(client, store.experiment_id(client, "new")) is None
