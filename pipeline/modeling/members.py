"""Ensemble members: the paths of each trained model's files."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.foundation.errors import raise_faults
from pipeline.foundation.terminal import warn

WEIGHTS = "weights.safetensors"
OUT_OF_FOLD = "out_of_fold.parquet"
EVAL = "eval.parquet"
EPOCHS = "epochs.csv"
METRICS = "metrics.json"
PARTS = ("folds", "refit", "pseudo_label")  # the folders of a model
PREDICTIONS = "predictions"  # a folder beside them, with the same layout


@dataclass(frozen=True)
class Member:
    """A trained model below the folder `models`: of a fold, of a fold with pseudo labels, or a refit (`fold` None)."""

    models: Path
    model: str
    fold: int | None = None
    pseudo_labelled: bool = False

    @property
    def name(self) -> str:
        """Its name: `mask-0`, `mask-refit`, `mask-pseudo_label-0`."""
        part = "refit" if self.fold is None else f"pseudo_label-{self.fold}" if self.pseudo_labelled else str(self.fold)
        return f"{self.model}-{part}"

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        if self.fold is None:
            return self.models / self.model / "refit"
        return self.models / self.model / ("pseudo_label" if self.pseudo_labelled else "folds") / str(self.fold)

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return self.folder / WEIGHTS

    @property
    def predictions(self) -> Path:
        """The folder of its predictions."""
        return self.models / self.model / PREDICTIONS / self.folder.relative_to(self.models / self.model)

    @property
    def eval(self) -> Path:
        """The file of its predictions of the eval photos."""
        return self.predictions / EVAL

    @property
    def out_of_fold(self) -> Path:
        """The file of its predictions of its held-out fold."""
        return self.predictions / OUT_OF_FOLD

    @property
    def epochs(self) -> Path:
        """The file of its metrics by epoch."""
        return self.folder / EPOCHS


def require(members: Iterable[Member]) -> None:
    """Raise `InputError` that names every file that a member lacks."""
    require_files([file for member in members for file in _files(member)])


def require_files(files: Iterable[Path]) -> None:
    """Raise `InputError` that names every missing file of members."""
    missing = [str(file) for file in files if not file.is_file()]
    raise_faults("members are not trained: run `dvc repro`; missing files", missing)


def warn_of_leftovers(models: Path, expected: Collection[Path]) -> None:
    """Print a warning for each folder with weights below `models` that is not expected; DVC still hashes it."""
    for folder in sorted({path.parent for path in models.rglob(WEIGHTS)} - set(expected)):
        warn(f"{folder}: ignored, because params.yaml does not list it; remove it, since DVC hashes it too")


def _files(member: Member) -> list[Path]:
    files = [member.weights, member.eval, member.epochs]
    return files if member.fold is None else [*files, member.out_of_fold]
