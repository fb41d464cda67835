"""A run that Kubeflow's MLflow plugin has created for a task (KEP-12862) is the task's run: nothing is doubled."""

from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from pipeline import tracking
from pipeline.orchestration.kubeflow import task
from pipeline.tracking import outbox, store


@pytest.fixture
def nested(monkeypatch: pytest.MonkeyPatch, store: str) -> Run:
    """What the plugin does before a task starts: a parent, a nested run, and variables of the container."""
    client = mlflow.MlflowClient(store)
    experiment = client.create_experiment("KFP-Default")
    parent = client.create_run(experiment, run_name="the KFP run")
    made = client.create_run(experiment, tags={"mlflow.parentRunId": parent.info.run_id}, run_name="train-2")
    injected = {
        "MLFLOW_RUN_ID": made.info.run_id,
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_EXPERIMENT_ID": experiment,
        "MLFLOW_WORKSPACE": "default",
    }
    for name, value in injected.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(task.RUN, "run 1")
    for name, value in task.environment("http://another:5000", "faces").items():
        monkeypatch.setenv(name, value)
    return made


def runs() -> list[Run]:
    found: list[Run] = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return found


def test_a_stage_logs_to_the_given_run_and_leaves_its_end_to_kubeflow(nested: Run, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_text("weights")
    with tracking.run("mask-0", {"stage": "train"}, {"epochs": 3}, "faces") as run:
        run.metrics({"val_macro_f1": 0.5}, step=1)
        run.tag_output(weights)
        run.pipeline.metrics({"macro_f1": 0.25})
    assert not outbox.waiting()
    parent, made = sorted(runs(), key=lambda run: "mlflow.parentRunId" in run.data.tags)
    assert made.info.run_id == nested.info.run_id
    assert (made.info.run_name, made.info.status) == ("mask-0", "RUNNING")
    assert made.data.params["epochs"] == "3"
    assert made.data.metrics["val_macro_f1"] == 0.5
    assert {"weights_sha256", "stage"} <= set(made.data.tags)
    assert (parent.info.run_name, parent.info.status) == ("the KFP run", "RUNNING")
    assert parent.data.metrics == {"macro_f1": 0.25}
    tracking.end_pipeline_run("FINISHED")
    assert {run.info.status for run in runs()} == {"RUNNING"}, "the plugin ends its own runs"


def test_a_stage_that_continues_the_run_of_another_still_does(nested: Run, tmp_path: Path) -> None:
    table = tmp_path / "eval_probabilities.parquet"
    table.write_text("0.5")
    with tracking.run("ensemble", {}, {}, "faces") as run:
        run.tag_output(table)
    client = mlflow.MlflowClient()
    submit = client.create_run(nested.info.experiment_id, run_name="submit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(tracking.TASK_RUN, submit.info.run_id)
        with tracking.run_with_output(table, "submit", "faces") as run:
            run.metrics({"submission_macro_f1": 1})
    assert "submission_macro_f1" in client.get_run(nested.info.run_id).data.metrics
    assert client.get_run(submit.info.run_id).info.run_name == "submit"
    assert len(runs()) == 3


def test_a_given_run_that_was_deleted_is_replaced(nested: Run) -> None:
    store.connect().delete_run(nested.info.run_id)
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    assert "mask-0" in {run.info.run_name for run in runs()}


def test_an_mlflow_run_of_the_shell_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLFLOW_RUN_ID counts in a task of Kubeflow alone: all stages of a `dvc repro` would log to one run."""
    own = store.connect().create_run("0", run_name="of the shell")
    monkeypatch.setenv("MLFLOW_RUN_ID", own.info.run_id)
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    assert {run.info.run_name for run in runs()} == {"of the shell", "mask-0"}
