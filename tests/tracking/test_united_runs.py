"""Stages that start at once have one pipeline run in the end, in whatever order their requests reach MLflow.

`REQUEST_ORDERS=200 pytest tests/tracking/test_united_runs.py` tries as many orders.
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random
from threading import Semaphore, Thread, current_thread
from typing import Any

import mlflow
import pytest
from mlflow.entities import Dataset, DatasetInput, Run
from mlflow.tracking import MlflowClient

from pipeline import tracking
from pipeline.tracking import copied_runs, pipeline_runs, store
from pipeline.tracking.entries import Description, End, Entry, File, Metrics, Start, Tags
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.provenance import PipelineRun
from pipeline.tracking.sender import Sender

ORDERS = int(os.environ.get("REQUEST_ORDERS", "3"))
STAGES = 3
WHOLE = PipelineRun("kubeflow 1", "kubeflow 1")
OF_PART = {"pipeline_run": WHOLE.identity}
OF_PARENT = OF_PART | {"stage": "pipeline"}


class Stage(Thread):
    """A stage whose outbox is sent one request at a time: the next one waits for its turn."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"part-{number}", daemon=True)
        self._outbox = Outbox.new()
        self._turn, self._waiting = Semaphore(0), Semaphore(0)
        self.ended = False
        self.error: Exception | None = None
        start = Start(
            name=self.name,
            address="",
            experiment="faces",
            tags={"pipeline_run": WHOLE.identity},
            commit={},
            pipeline=WHOLE,
            time=1000 + number % 2,  # the clocks of two machines may agree
        )
        figure = self._outbox.new_file(f"{self.name}.txt")
        figure.write_text(self.name)
        path = figure.relative_to(self._outbox.folder).as_posix()
        entries: list[Entry] = [
            start,
            Metrics(values={f"{self.name}.f1": 0.5}, to="pipeline"),
            File(path=path, to="pipeline"),
            Tags(values={self.name: "logged"}, to="pipeline"),
            Description(text="The scores."),
            End(status="FINISHED", time=2000),
        ]
        for entry in entries:
            self._outbox.append(entry)

    def run(self) -> None:
        self.wait()
        try:
            Sender(self._outbox).send()
        except Exception as error:  # noqa: BLE001  raised again in the test's thread
            self.error = error
        self.ended = True
        self._waiting.release()

    def wait(self) -> None:
        """Wait for the turn, before a request."""
        self._waiting.release()
        self._turn.acquire()

    def go_on(self) -> None:
        """Let the stage make a request and wait until it is about to make the next."""
        self._turn.release()
        self._waiting.acquire()

    def begin(self) -> None:
        self.start()
        self._waiting.acquire()


class InTurn:
    """A client whose requests wait for the turn of the stage that makes them."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        stage = current_thread()
        if not callable(found) or not isinstance(stage, Stage):
            return found

        def request(*args: Any, **options: Any) -> Any:
            stage.wait()
            return found(*args, **options)

        return request


def parents() -> list[Run]:
    return store.find(mlflow.MlflowClient(), OF_PARENT)


def check(stages: Sequence[Stage]) -> None:
    """One pipeline run, of which all stages are parts, and which has all that they logged to it."""
    assert [stage.error for stage in stages] == [None] * len(stages)
    client = mlflow.MlflowClient()
    (parent,) = parents()
    parts = store.find(client, {pipeline_runs.PARENT: parent.info.run_id})
    assert sorted(part.info.run_name for part in parts) == [stage.name for stage in stages]
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert len(runs) == 1 + len(stages)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics == {f"{stage.name}.f1": 0.5 for stage in stages}
    assert {stage.name for stage in stages} <= set(parent.data.tags)
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {f"{s.name}.txt" for s in stages}


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = store.connect
    store.experiment_id(connect(), "faces")
    monkeypatch.setattr(store, "connect", lambda _to=None: InTurn(connect()))
    monkeypatch.setattr(store, "deadline", lambda _seconds: nullcontext())  # signals reach the main thread only


@pytest.mark.usefixtures("in_turn")
@pytest.mark.parametrize("order", range(ORDERS))
def test_stages_that_start_at_once_have_one_parent_with_all_that_they_logged(order: int) -> None:
    draw, stages = Random(order), [Stage(number) for number in range(STAGES)]
    for stage in stages:
        stage.begin()
    while running := [stage for stage in stages if not stage.ended]:
        stage = draw.choice(running)
        for _ in range(draw.choice([1, 1, 4, 16])):  # others are slow meanwhile
            if not stage.ended:
                stage.go_on()
    check(stages)


@pytest.mark.usefixtures("in_turn")
@pytest.mark.parametrize("before", ["search", "create", "unite"])
def test_a_stage_that_waits_while_another_runs_has_the_same_parent(before: str) -> None:
    waiting, other = stages = [Stage(number) for number in range(2)]
    for stage in stages:
        stage.begin()
    for _ in range({"search": 3, "create": 4, "unite": 5}[before]):
        waiting.go_on()
    while not other.ended:
        other.go_on()
    while not waiting.ended:
        waiting.go_on()
    check(stages)


def test_what_was_logged_to_another_pipeline_run_is_copied_and_its_parts_are_moved(tmp_path: Path) -> None:
    client = store.connect()
    experiment = store.experiment_id(client, "faces")
    note = {store.DESCRIPTION: pipeline_runs.UNFINISHED}
    first, second = (client.create_run(experiment, started, OF_PARENT | note).info.run_id for started in (1, 2))
    part = client.create_run(experiment, 3, OF_PART | {pipeline_runs.PARENT: second}, "mask-0").info.run_id
    figure = tmp_path / "figure.txt"
    for run in (first, second):
        figure.write_text(run)
        client.log_artifact(run, str(figure))
    client.log_artifact(second, str(figure), "plots/all")
    client.log_metric(second, "macro_f1", 0.5, 4, 7)
    client.log_metric(second, "macro_f1", 0.75, 5, 8)
    client.log_param(second, "epochs", 3)
    client.set_tag(first, "cached.age-0", "its own")
    client.set_tag(second, "cached.age-0", "another")
    client.set_tag(second, store.DESCRIPTION, "The scores.")
    client.log_inputs(second, [DatasetInput(Dataset("labels.csv", "0123", "local", "{}"))])
    for _ in range(2):
        assert pipeline_runs.unite(client, WHOLE.identity) == first
    kept = client.get_run(first)
    assert [run.info.run_id for run in parents()] == [first]
    assert client.get_run(part).data.tags[pipeline_runs.PARENT] == first
    assert [(each.value, each.step) for each in client.get_metric_history(first, "macro_f1")] == [(0.5, 7), (0.75, 8)]
    assert kept.data.params == {"epochs": "3"}
    assert (kept.data.tags["cached.age-0"], kept.data.tags[store.DESCRIPTION]) == ("its own", "The scores.")
    assert kept.inputs is not None
    assert [each.dataset.name for each in kept.inputs.dataset_inputs] == ["labels.csv"]
    for path, owner in (("figure.txt", first), ("plots/all/figure.txt", second)):
        assert Path(client.download_artifacts(first, path, str(tmp_path))).read_text() == owner


def test_an_interrupted_union_leaves_less_to_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    client, copy, slow = store.connect(), copied_runs.copy, 0
    experiment = store.experiment_id(client, "faces")
    first, *others = (client.create_run(experiment, started, OF_PARENT).info.run_id for started in range(1, 5))
    for other in others:
        client.create_run(experiment, 9, OF_PART | {pipeline_runs.PARENT: other})

    def copied(*arguments: Any, **options: Any) -> None:
        nonlocal slow
        slow += 1
        if slow % 2 == 0:
            raise TimeoutError  # the deadline of each attempt passes after it has copied one
        copy(*arguments, **options)

    monkeypatch.setattr(copied_runs, "copy", copied)
    for left in (3, 2):
        with pytest.raises(TimeoutError):
            pipeline_runs.unite(client, WHOLE.identity)
        assert len(parents()) == left
    assert pipeline_runs.unite(client, WHOLE.identity) == first
    assert [run.info.run_id for run in parents()] == [first]
    assert len(store.find(client, {pipeline_runs.PARENT: first})) == len(others)


def test_a_part_of_a_deleted_pipeline_run_is_moved_to_the_one_that_is_kept() -> None:
    client = store.connect()
    experiment = store.experiment_id(client, "faces")
    first, second = (client.create_run(experiment, started, OF_PARENT).info.run_id for started in (1, 2))
    assert pipeline_runs.unite(client, WHOLE.identity) == first
    late = client.create_run(experiment, 3, OF_PART | {pipeline_runs.PARENT: second}, "mask-0").info.run_id
    assert pipeline_runs.unite(client, WHOLE.identity) == first
    assert client.get_run(late).data.tags[pipeline_runs.PARENT] == first


def test_the_end_of_the_whole_unites_what_killed_stages_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracking.PIPELINE_RUN, WHOLE.identity)
    client = store.connect()
    experiment = store.experiment_id(client, "faces")
    made = [client.create_run(experiment, started, OF_PARENT).info.run_id for started in (1, 2)]
    parts = [client.create_run(experiment, 3, OF_PART | {pipeline_runs.PARENT: run}).info.run_id for run in made]
    tracking.end_pipeline_run("FAILED")
    (parent,) = parents()
    assert parent.info.status == "FAILED"
    found = [client.get_run(part) for part in parts]
    assert {(run.info.status, run.data.tags[pipeline_runs.PARENT]) for run in found} == {("KILLED", parent.info.run_id)}


def test_no_pipeline_run_is_none() -> None:
    assert pipeline_runs.unite(store.connect(), WHOLE.identity) is None
