"""Unchanged tasks read a few objects of the DVC remote: the entry of the run-cache, and what the pages show."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.stages import shown
from pipeline.orchestration import graph, locks, packing, run_cache
from pipeline.orchestration.graph import Graph
from pipeline.orchestration.kubeflow import task
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import repository, scratch
from tests.server import tiny
from tests.support import s3

PHOTOS = 75
MOST = 20
KINDS = ("sample", "relabel", "crop", "pack", "split", "train", "ensemble", "submit")  # as the rest reads no more
SUFFIXES = {
    ".csv": "actual,predicted,epoch\nworn,normal,1\n",
    ".json": '{"macro_f1": 0.5}',
    ".html": "<p>report</p>",
}
ARTIFACTS: dict[str, Any] = {
    "metrics": dsl.Metrics,
    "confusion": dsl.ClassificationMetrics,
    "model": dsl.Model,
    "dataset": dsl.Dataset,
    "page": dsl.HTML,
}

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


def files_of(out: str) -> dict[str, str]:
    """The content of an out's files, by path."""
    folders = {
        "data/sample": [f"{folder}/images/{number}.jpg" for folder in ("train", "eval") for number in range(PHOTOS)],
        "data/crops": [f"{name}.jpg" for name in ("crops", "misses", "doubtful")],
    }
    if Path(out).suffix:
        return {out: SUFFIXES.get(Path(out).suffix, out)}
    return {f"{out}/{name}": name for name in folders.get(out, ["train.npy", "eval.npy"])}


@pytest.fixture(scope="module")
def parameters() -> Any:
    """This process is a task of a run with parameters of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(task.FILES, packing.pack(json.dumps({"params.yaml": json.dumps(tiny.PARAMS)})))
        environment.setenv(task.RUN, "run-1")
        for name, value in task.environment("http://127.0.0.1:9", "faces").items():
            environment.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def finished(parameters: Any) -> Iterator[tuple[s3.Storage, Graph, Entries]]:
    """A server with all that a run of all stages has left, its graph, and its lock entries."""
    with s3.serving() as served, scratch(served.address, files=task.files()) as root:
        stages = graph.read(root)
        for path, content in ((path, text) for stage in stages.values() for path, text in made(stage.outs)):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        with repository(root) as opened:
            opened.commit(force=True)
            opened.push()
            for name in stages:
                run_cache.store(opened.cloud.get_remote(), *opened.stage.collect(name))
        yield served, stages, locks.read(root / locks.FILE)


def made(outs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for out in outs:
        yield from files_of(out).items()


def test_an_unchanged_task_reads_fewer_than_twenty_objects_and_lists_no_data(
    finished: tuple[s3.Storage, Graph, Entries], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    served, stages, entries = finished
    assert served.stored("files/md5") > 2 * PHOTOS
    read = {}
    for name, stage in ((name, stage) for name, stage in stages.items() if stage.kind in KINDS):
        artifacts = [ARTIFACTS[key](uri=str(tmp_path / f"{name}-{key}")) for key in shown(stage)]
        parents = [locks.pack({parent: entries[parent]}) for parent in stage.parents]
        read[name] = served.reading(partial(task.run, name, parents, served.address, shown=artifacts))
    assert len(read) == len(KINDS)
    assert capfd.readouterr().out.count("is cached: its inputs have not changed") == len(KINDS)
    assert {name: count for name, count in read.items() if count >= MOST} == {}
    assert not any("files/md5" in prefix for prefix in served.listed)
