"""Copies what was logged to one MLflow run to another."""

from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def copy(client: "MlflowClient", source: "Run", target: "Run", replaceable: str) -> None:
    """Copy tags, parameters, metrics, inputs and artifacts to a run; what it has already stays.

    Copying again changes nothing: MLflow stores an equal metric or input once.

    Args:
        client: The store.
        source: The run to copy.
        target: The run to copy to.
        replaceable: The value of a tag that is as good as none.
    """
    from mlflow.entities import Param, RunTag

    to = target.info.run_id
    known = {key for key, value in target.data.tags.items() if value != replaceable}
    tags = [RunTag(key, value) for key, value in source.data.tags.items() if key not in known and value != replaceable]
    params = [Param(key, value) for key, value in source.data.params.items() if key not in target.data.params]
    metrics = [metric for key in source.data.metrics for metric in client.get_metric_history(source.info.run_id, key)]
    for some_tags in store.batches(tags):
        client.log_batch(to, tags=some_tags)
    for some_params in store.batches(params):
        client.log_batch(to, params=some_params)
    for some_metrics in store.batches(metrics):
        client.log_batch(to, metrics=some_metrics)
    if source.inputs and source.inputs.dataset_inputs:
        client.log_inputs(to, datasets=source.inputs.dataset_inputs)
    _copy_artifacts(client, source.info.run_id, to)


def _copy_artifacts(client: "MlflowClient", source: str, target: str) -> None:
    """Copy the artifacts that a run does not have, one by one: an interrupted copy continues where it stopped."""
    if found := set(_artifacts(client, source)):
        for path in sorted(found - set(_artifacts(client, target))):
            with TemporaryDirectory() as folder:
                place = client.download_artifacts(source, path, folder)
                client.log_artifact(target, place, path.rpartition("/")[0] or None)


def _artifacts(client: "MlflowClient", run: str, below: str | None = None) -> Iterator[str]:
    """The paths of all artifacts of a run."""
    for found in client.list_artifacts(run, below):
        if found.is_dir:
            yield from _artifacts(client, run, found.path)
        else:
            yield found.path
