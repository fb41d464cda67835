"""Members of the ensemble: the folders of trained models, which must all be there, and no others."""

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.foundation.errors import raise_faults

WEIGHTS = "weights.safetensors"
OUT_OF_FOLD = "out_of_fold.csv"
EVAL = "eval.csv"
EPOCHS = "epochs.csv"
METRICS = "metrics.json"
PARTS = ("folds", "refit", "pseudo_label")  # the folders of a model


@dataclass(frozen=True)
class Member:
    """One trained model under `models`: it held a fold out and predicted it, or (`fold` None) is a refit.

    The second round of a fold is another member, `pseudo_labelled`.
    """

    models: Path
    model: str
    fold: int | None = None
    pseudo_labelled: bool = False

    @property
    def name(self) -> str:
        """Its name among all members: `mask-0`, `mask-refit`, `mask-pseudo_label-0`."""
        part = "refit" if self.fold is None else f"pseudo_label-{self.fold}" if self.pseudo_labelled else str(self.fold)
        return f"{self.model}-{part}"

    @property
    def folder(self) -> Path:
        """Where its training wrote to."""
        if self.fold is None:
            return self.models / self.model / "refit"
        return self.models / self.model / ("pseudo_label" if self.pseudo_labelled else "folds") / str(self.fold)

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return self.folder / WEIGHTS

    @property
    def eval(self) -> Path:
        """The file of its predictions of the eval photos."""
        return self.folder / EVAL

    @property
    def out_of_fold(self) -> Path:
        """The file of its predictions of the fold that it held out."""
        return self.folder / OUT_OF_FOLD

    @property
    def epochs(self) -> Path:
        """The file of its metrics by epoch."""
        return self.folder / EPOCHS


def require(members: Iterable[Member]) -> None:
    """Raise `InputError` naming every file that a member lacks."""
    files = [file for member in members for file in _files(member)]
    missing = [str(file) for file in files if not file.is_file()]
    raise_faults("members of the ensemble are not trained: run `dvc repro`; missing files", missing)


def remove_leftovers(models: Path, expected: Collection[Path]) -> None:
    """Remove, loudly, trainings outside the expected folders: they would count as input of the ensemble.

    Raises `InputError` naming every file that is no training's; hidden files stay.
    """
    others = [file for file in _visible_files(models) if file.parent not in expected]
    strangers = [str(file) for file in others if not (file.parent / WEIGHTS).is_file()]
    raise_faults(f"{models}: only trainings belong here; move away", strangers)
    for file in others:
        file.unlink()
    for folder in sorted({file.parent for file in others}):
        _remove_empty(folder, models)
        print(f"{folder}: removed, params.yaml does not name it; DVC's cache keeps it", file=sys.stderr)


def _files(member: Member) -> list[Path]:
    files = [member.weights, member.eval, member.epochs]
    return files if member.fold is None else [*files, member.out_of_fold]


def _visible_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, below `root`, as far as they are empty."""
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
