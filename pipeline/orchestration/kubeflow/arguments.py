"""What a person gives a compiled pipeline, and the check that it can work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import params
from pipeline.orchestration import graph, remote
from pipeline.orchestration.workspace import repository, scratch


@dataclass(frozen=True)
class Arguments:
    """The parameters of the compiled pipeline."""

    remote: str
    mlflow: str
    experiment: str
    overrides: Sequence[str]
    image: str

    @property
    def folders(self) -> list[Path]:
        """The folders of this machine that they name: a remote, the folder of a database."""
        remote, store = ([] if "://" in self.remote else [Path(self.remote)]), self.mlflow.removeprefix("sqlite:///")
        return remote + ([Path(store).parent] if store != self.mlflow else [])

    def check(self) -> None:
        """Raise `InputError` for what would stop every task.

        The overrides must leave the graph as it is and make valid parameters; the remote must be writable and have
        the data that DVC tracks.
        """
        with scratch(self.remote, self.overrides) as root, repository(root) as opened:
            params.load(root / params.FILE)
            remote.require_writable(opened)
            if sources := {source for stage in graph.read(root).values() for source in stage.sources}:
                remote.require(opened, sorted(sources))
