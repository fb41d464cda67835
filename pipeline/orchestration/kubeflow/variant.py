"""What one run is compiled from: the project's graph with another recipe and other values, and nothing changed here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.config import params, recipes
from pipeline.orchestration.workspace import change, run_files, write_files


@contextmanager
def variant(recipe: str | None, overrides: Sequence[str], project: Path = Path()) -> Iterator[Path]:
    """A temporary folder with dvc.yaml, the parameters of a run and its .dvc files, to be compiled.

    Args:
        recipe: Name of a recipe that takes the place of params.yaml, but for the sections `data` and `kubeflow`.
        overrides: Changes of parameters, as in `dvc exp run -S`; they may change the graph.
        project: Root of the project.

    Raises:
        InputError: For an unknown recipe, an override that names no parameter, and for invalid parameters.
    """
    with TemporaryDirectory(prefix="variant-") as folder:
        root = Path(folder)
        write_files(root, project, run_files(project))
        if recipe:
            recipes.use(recipe, force=True, target=root / params.FILE)
        if overrides:
            change(root, overrides)
        params.load(root / params.FILE)
        yield root
