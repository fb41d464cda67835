"""System metrics: MLflow's own measures of CPU, memory, disk, network and GPUs, logged to an outbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import Any

from pipeline.tracking.entries import Metrics
from pipeline.tracking.outbox import Outbox

INTERVAL = 10.0  # seconds, MLflow's default; MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL sets another


@contextmanager
def measured(outbox: Outbox) -> Iterator[None]:
    """Measure until the body ends, at least once. MLflow's own thread would end with the connection to its server."""
    from mlflow.environment_variables import MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL as CHOSEN

    stop = Event()
    thread = Thread(target=_measure, args=(outbox, _monitors(), stop, CHOSEN.get() or INTERVAL), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _measure(outbox: Outbox, monitors: list[Any], stop: Event, interval: float) -> None:
    for step in count():
        stopped = stop.wait(interval)
        for monitor in monitors:
            monitor.collect_metrics()
        values = {f"system/{key}": value for monitor in monitors for key, value in monitor.aggregate_metrics().items()}
        outbox.append(Metrics(values=values, step=step))
        if stopped:
            return
        for monitor in monitors:
            monitor.clear_metrics()


def _monitors() -> list[Any]:
    import psutil
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    psutil.cpu_percent()  # measures from its previous call on
    monitors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        return [*monitors, GPUMonitor()]
    except RuntimeError:  # no GPU
        return monitors
