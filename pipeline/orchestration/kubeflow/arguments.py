"""The parameters of a run of the compiled pipeline, and their checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import params
from pipeline.orchestration import graph, remote
from pipeline.orchestration.workspace import PROJECT, repository, run_files, scratch


@dataclass(frozen=True)
class Arguments:
    """The parameters of the compiled pipeline."""

    remote: str
    mlflow: str
    experiment: str
    overrides: Sequence[str]
    image: str
    slim_image: str

    @property
    def folders(self) -> list[Path]:
        """Local folders among them: a DVC remote, and the folder of a database."""
        remote, store = ([] if "://" in self.remote else [Path(self.remote)]), self.mlflow.removeprefix("sqlite:///")
        return remote + ([Path(store).parent] if store != self.mlflow else [])

    def check(self, project: Path = PROJECT) -> None:
        """Check what would make every task fail.

        Args:
            project: Folder with the parameters and .dvc files of the run.

        Raises:
            InputError: When the overrides change the graph or make invalid parameters, or the remote cannot be written
                or lacks data that DVC tracks.
        """
        with scratch(self.remote, self.overrides, files=run_files(project)) as root, repository(root) as opened:
            params.load(root / params.FILE)
            remote.require_writable(opened)
            if sources := {source for stage in graph.read(root).values() for source in stage.sources}:
                remote.require(opened, sorted(sources))
