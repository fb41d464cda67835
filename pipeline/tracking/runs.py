"""Runs: what a stage was given, what it measured and what it made, on disk first and then in MLflow."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import copy
from pathlib import Path
from typing import Any

from pipeline.foundation.hashes import sha256
from pipeline.tracking import provenance, store, system_metrics
from pipeline.tracking.inputs import Input, lock
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.uploader import Uploader

KEPT = (".csv", ".json", ".png", ".jpg")


class Run:
    """The run that is being written. Nothing here fails when MLflow cannot be reached."""

    def __init__(self, outbox: Outbox, uploader: Uploader, origin: Mapping[str, str]) -> None:
        self._outbox = outbox
        self._uploader = uploader
        self._origin = origin
        self._to = "run"
        self._inputs: list[Input] = []
        self._started = time.monotonic()

    @property
    def pipeline(self) -> "Run":
        """The run of the whole pipeline that this one is a part of; what is said to it is lost where there is none."""
        whole = copy(self)
        whole._to, whole._inputs = "pipeline", []
        return whole

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars, of one epoch (`step`) or of the whole run."""
        self._say("metrics", values={key: float(value) for key, value in values.items()}, step=step or 0)
        self._uploader.deliver()

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self._say("tags", values=dict(values))

    def inputs(self, *paths: Path) -> None:
        """Name the data sets that the run reads, by the content that DVC has of them."""
        found = [Input.of(path) for path in paths]
        self._inputs += found
        self._say("inputs", values=[each.entry() for each in found])

    def lock(self, folder: Path) -> None:
        """Keep lock.json: what dvc.lock will say of the run's inputs and of what it wrote, when its stage has ended."""
        outs = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        text = json.dumps(lock(self._inputs, outs), indent=2)
        self.log_figure("lock.json", lambda place: place.write_text(f"{text}\n", encoding="utf-8"))

    def files(self, folder: Path) -> None:
        """Keep the tables and photos of a folder with the run; weights stay where DVC has them."""
        for path in sorted(folder.iterdir()):
            if path.suffix in KEPT:
                self.file(path)

    def file(self, path: Path) -> None:
        """Keep one file with the run."""
        self.log_figure(path.name, lambda place: shutil.copyfile(path, place))

    def log_figure(self, name: str, write: Callable[[Path], object]) -> None:
        """Keep a file of this name with the run that is written for it alone."""
        place = self._outbox.place(name)
        write(place)
        self._say("file", path=place.relative_to(self._outbox.folder).as_posix())

    def tag_output(self, path: Path) -> None:
        """Tag the run with the content of what it made, by which later stages find it: `<stem>_sha256`."""
        self.tags({f"{path.stem}_sha256": sha256(path)})

    def members(self, digests: Mapping[str, str]) -> None:
        """Name the trainings whose weights an ensemble is made of: by content, and by run where one is known."""
        self._say("members", values=dict(digests))

    def set_description(self, text: str) -> None:
        """Describe the run in Markdown; `[mask-0](sha256:...)` links the run that made weights of that content.

        A line on time, commit and stage is added.
        """
        self._say("note", text=f"{text}\n\n{self._footer()}")

    def _footer(self) -> str:
        commit, stage = self._origin.get("git_commit"), self._origin.get("dvc_stage")
        changed = " with uncommitted changes" if self._origin.get("git_uncommitted_changes") == "true" else ""
        parts = [f"{time.monotonic() - self._started:,.0f} s"]
        parts += [f"commit {commit[:10]}{changed}"] if commit else []
        return "; ".join([*parts, *([f"stage `{stage}`"] if stage else [])]) + "."

    def _say(self, kind: str, **content: Any) -> None:
        self._outbox.append(kind, to=self._to, **content)


@contextmanager
def run(name: str, tags: Mapping[str, str], params: Mapping[str, Any], experiment: str) -> Iterator[Run]:
    """A run that ends as finished, or as failed when the body raises.

    `params` may nest; they are logged flat, with dotted names. Commit, DVC stage and pipeline run are tagged where
    there are such, and the machine is watched.
    """
    with _written(name, tags, experiment, None, watched=True) as written:
        written._say("params", values={key: str(value) for key, value in flat(params).items()})
        written._uploader.deliver()
        yield written


@contextmanager
def run_with_output(path: Path, name: str, experiment: str) -> Iterator[Run]:
    """The latest run that made a file of this content, opened again; a new run `name` where none is known."""
    with _written(name, {}, experiment, (path.stem, sha256(path)), watched=False) as written:
        yield written


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


@contextmanager
def _written(
    name: str, tags: Mapping[str, str], experiment: str, reopen: tuple[str, str] | None, watched: bool
) -> Iterator[Run]:
    outbox, whole, commit = Outbox.new(), provenance.pipeline_run(), provenance.commit_tags()
    comes_from = commit | provenance.stage()
    with outbox.claimed():
        outbox.append(
            "start",
            name=name,
            address=store.displayed(),
            experiment=store.experiment(experiment),
            tags={**tags, **comes_from} | ({"pipeline_run": whole.identity} if whole else {}),
            commit=commit,
            pipeline=vars(whole) if whole else None,
            reopen=reopen,
        )
        uploader = Uploader(outbox)
        status = "FAILED"
        try:
            with system_metrics.watched(outbox) if watched else nullcontext():
                yield Run(outbox, uploader, comes_from)
            status = "FINISHED"
        finally:
            outbox.append("end", status=status)
            uploader.deliver(last=True)
