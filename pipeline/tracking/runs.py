"""Runs: the parameters, metrics and artifacts of a stage, logged to an outbox that is uploaded to MLflow."""

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.foundation.files import write_bytes
from pipeline.foundation.hashes import sha256
from pipeline.foundation.terminal import warn
from pipeline.tracking import pipeline_runs, provenance, store
from pipeline.tracking.entries import (
    Description,
    End,
    Entry,
    File,
    LoggedInputs,
    LoggedParams,
    Members,
    Metrics,
    Start,
    Status,
    Tags,
    Target,
)
from pipeline.tracking.inputs import Input, lock
from pipeline.tracking.outbox import Outbox, folder
from pipeline.tracking.uploader import Uploader

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.formats.images import Pixels

LOGGED_TABLES = "mlflow.loggedArtifacts"  # tag by which MLflow's pages know which artifacts are tables
THUMBNAIL = 256  # pixels of the longer side
KEPT = (".csv", ".parquet", ".json", ".png", ".jpg")
DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


class Run:
    """A run that is being logged. The training continues when MLflow is unavailable or the disk is full."""

    def __init__(self, outbox: Outbox, tags: Mapping[str, str]) -> None:
        self._outbox = outbox
        self._provenance = tags
        self._to: Target = "run"
        self._inputs: list[Input] = []
        self._started = time.monotonic()

    @property
    def pipeline(self) -> "Run":
        """The pipeline run that this run is part of. If there is none, what is logged to it is dropped."""
        whole = copy(self)
        whole._to, whole._inputs = "pipeline", []
        return whole

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, flat with dotted names."""
        self._log(LoggedParams(values={key: str(value) for key, value in flat(values).items()}, to=self._to))

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics, of an epoch (`step`) or of the whole run."""
        self._log(Metrics(values={key: float(value) for key, value in values.items()}, step=step, to=self._to))

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self._log(Tags(values=dict(values), to=self._to))

    def inputs(self, *paths: Path) -> None:
        """Log the data sets that the run reads, with DVC's hashes."""
        found = [Input.of(path) for path in paths]
        self._inputs += found
        self._log(LoggedInputs(datasets=[each.dataset() for each in found], to=self._to))

    def lock(self, folder: Path) -> None:
        """Log lock.json: the data of the stage's entry in dvc.lock, which DVC writes after the stage."""
        outs = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        text = json.dumps(lock(self._inputs, outs), indent=2)
        self.log_figure("lock.json", lambda place: place.write_text(f"{text}\n", encoding="utf-8"))

    def files(self, folder: Path) -> None:
        """Log the tables and images of a folder as artifacts; weights stay in DVC."""
        for path in sorted(folder.iterdir()):
            if path.suffix in KEPT:
                self.file(path)

    def file(self, path: Path) -> None:
        """Log a file as an artifact."""
        self.log_figure(path.name, lambda place: shutil.copyfile(path, place))

    def table(self, name: str, rows: "pd.DataFrame", crops: Sequence["Pixels"]) -> None:
        """Log a table that MLflow's pages show with the crop of each row; nothing when it has no rows.

        It has the form of `mlflow.log_table`, which adds rows to what it finds: sent again, it would double them.
        """
        if rows.empty:
            return
        places = [f"table_images/{name}/{number}.jpg" for number in range(len(crops))]
        for place, crop in zip(places, crops, strict=True):
            self.log_figure(place, partial(_write_thumbnail, crop))
        images = [{"type": "image", "filepath": place, "compressed_filepath": place} for place in places]
        content = {
            "columns": ["image", *rows],
            "data": [[image, *row] for image, row in zip(images, rows.values.tolist(), strict=True)],
        }
        self.log_figure(f"{name}.json", lambda place: place.write_text(json.dumps(content), encoding="utf-8"))
        self.tags({LOGGED_TABLES: json.dumps([{"path": f"{name}.json", "type": "table"}])})

    def log_figure(self, name: str, write: Callable[[Path], object]) -> None:
        """Log an artifact by its name, or path in the run; `write` is called with the path to write it to."""

        def log() -> None:
            place = self._outbox.new_file(name)
            write(place)
            self._outbox.append(File(path=place.relative_to(self._outbox.folder).as_posix(), to=self._to))

        self._attempt(log)

    def tag_output(self, path: Path) -> None:
        """Tag the run with the hash of an output, by which later stages find the run: `<stem>_sha256`."""
        self.tags({f"{path.stem}_sha256": sha256(path)})

    def members(self, digests: Mapping[str, str]) -> None:
        """Log the members of an ensemble by the hashes of their weights, with their runs where MLflow has them."""
        self._log(Members(digests=dict(digests), to=self._to))

    def set_description(self, text: str) -> None:
        """Set the description in Markdown; `[mask-0](sha256:...)` links to the run with weights of that hash.

        A line with duration, commit and stage is appended.
        """
        self._log(Description(text=f"{text}\n\n{self._footer()}", to=self._to))

    def _footer(self) -> str:
        commit, stage = self._provenance.get("git_commit"), self._provenance.get("dvc_stage")
        changed = " with uncommitted changes" if self._provenance.get("git_uncommitted_changes") == "true" else ""
        parts = [f"{time.monotonic() - self._started:,.0f} s"]
        parts += [f"commit {commit[:10]}{changed}"] if commit else []
        return "; ".join([*parts, *([f"stage `{stage}`"] if stage else [])]) + "."

    def _log(self, entry: Entry) -> None:
        self._attempt(lambda: self._outbox.append(entry))

    def _attempt(self, log: Callable[[], object]) -> None:
        """Log, unless the disk of the outbox is full or broken; then nothing more of the run is logged."""
        if self._outbox.disk_failed:
            return
        try:
            log()
        except OSError as error:
            if error.errno not in DISK_FAULTS:
                raise
            self._outbox.disk_failed = True
            where = error.filename or self._outbox.folder
            warn(f"{where}: {error.strerror}; nothing more of this run is logged")


@contextmanager
def run(name: str, tags: Mapping[str, str], params: Mapping[str, Any], experiment: str) -> Iterator[Run]:
    """A run that ends as FINISHED, or as FAILED when the body raises.

    Commit, DVC stage and pipeline run are tagged where there are any, and system metrics are logged.

    Args:
        name: Name of the run.
        tags: Its tags.
        params: Its parameters; nested ones are logged with dotted names.
        experiment: Name of the experiment; `MLFLOW_EXPERIMENT_NAME` overrides it.
    """
    with _logged(name, tags, experiment, None, measure_system=True) as logged:
        logged.params(params)
        yield logged


@contextmanager
def run_with_output(path: Path, name: str, experiment: str) -> Iterator[Run]:
    """Continue the latest run that wrote this output, or start a new one.

    Args:
        path: The output file; its run is found by its content.
        name: Name of a new run.
        experiment: Name of the experiment; `MLFLOW_EXPERIMENT_NAME` overrides it.
    """
    with _logged(name, {}, experiment, (path.stem, sha256(path)), measure_system=False) as logged:
        yield logged


def _write_thumbnail(crop: "Pixels", path: Path) -> None:
    from pipeline.formats.images import small_jpeg

    write_bytes(path, small_jpeg(crop, THUMBNAIL, quality=90))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


@contextmanager
def _logged(
    name: str, tags: Mapping[str, str], experiment: str, reopen: tuple[str, str] | None, measure_system: bool
) -> Iterator[Run]:
    whole, commit = provenance.pipeline_run(), provenance.commit_tags()
    run_tags = commit | provenance.stage()
    with _outbox() as outbox:
        logged = Run(outbox, run_tags)
        logged._log(
            Start(
                name=name,
                address=store.displayed(),
                experiment=store.experiment(experiment),
                workspace=os.environ.get(store.WORKSPACE),
                tags={**tags, **run_tags} | ({pipeline_runs.IDENTITY: whole.identity} if whole else {}),
                commit=commit,
                pipeline=whole,
                reopen=reopen,
                given=provenance.task_run(),
            )
        )
        uploader = None if outbox.disk_failed else Uploader(outbox, measure_system)
        status: Status = "FAILED"
        try:
            yield logged
            status = "FINISHED"
        finally:
            logged._log(End(status=status))
            if uploader:
                uploader.finish()


@contextmanager
def _outbox() -> Iterator[Outbox]:
    """A new outbox, claimed; one that takes nothing, after a warning, when the disk is full or broken."""
    with ExitStack() as claim:
        try:
            outbox = Outbox.new()
            claim.enter_context(outbox.claimed())
        except OSError as error:
            if error.errno not in DISK_FAULTS:
                raise
            outbox = Outbox(folder())
            outbox.disk_failed = True
            warn(f"{error.filename or folder()}: {error.strerror}; nothing of this run is logged")
        yield outbox
