"""Checkpoints of a stage kept in the DVC remote while it runs, for the next attempt on another node."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pipeline.foundation.terminal import warn
from pipeline.orchestration import graph

FOLDER = graph.CHECKPOINTS  # of the remote, and where the commands of dvc.yaml keep them
PERIOD = 5.0  # seconds between two checks of the files

Version = tuple[int, int]  # modification time in nanoseconds, and size


@contextmanager
def kept(remote: Any, folder: Path, name: str) -> Iterator[None]:
    """Restore checkpoints before the body, and upload each new version in the background while it runs.

    They leave the remote when the body succeeds. A failed upload is reported and tried again: it stops no training.

    Args:
        remote: DVC's remote.
        folder: Absolute path of the checkpoints in the workspace.
        name: A name that is the same for every attempt with the same inputs.
    """
    place = remote.fs.join(remote.path, FOLDER, name)
    uploaded = restore(remote, folder, name)
    ended = Event()

    def upload() -> None:
        while not ended.wait(PERIOD):
            _upload(remote, folder, place, uploaded)

    thread = Thread(target=upload, name="checkpoints")
    thread.start()
    try:
        yield
    except BaseException:
        _end(thread, ended)
        _upload(remote, folder, place, uploaded)
        raise
    _end(thread, ended)
    for file in remote.fs.find(place) if uploaded else []:
        remote.fs.rm_file(file)


def _end(thread: Thread, ended: Event) -> None:
    ended.set()
    thread.join()


def restore(remote: Any, folder: Path, name: str) -> dict[str, Version]:
    """Download what an earlier attempt has left (see `kept`); returns the versions that both sides have."""
    place = remote.fs.join(remote.path, FOLDER, name)
    found = remote.fs.find(place) if remote.fs.exists(place) else []
    folder.mkdir(parents=True, exist_ok=True)
    for file in found:
        remote.fs.get_file(file, str(folder / remote.fs.name(file)))
    return _versions(folder)


def _upload(remote: Any, folder: Path, place: str, uploaded: dict[str, Version]) -> None:
    for name, version in _versions(folder).items():
        if uploaded.get(name) == version:
            continue
        try:
            remote.fs.makedirs(place, exist_ok=True)
            remote.fs.put_file(str(folder / name), remote.fs.join(place, name))
            uploaded[name] = version
        except OSError as error:
            warn(f"checkpoint {name}: not uploaded, will be tried again: {error}")


def _versions(folder: Path) -> dict[str, Version]:
    files = [file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")]
    return {file.name: (file.stat().st_mtime_ns, file.stat().st_size) for file in files}
