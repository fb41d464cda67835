"""The members of the ensemble: which trainings a name in a system stands for, and their predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.ensembling import voting
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.nesting import Mask
from pipeline.formats.documents import read_numbers
from pipeline.modeling.config.stages import PseudoLabel, Refit, Train
from pipeline.modeling.members import METRICS, Member
from pipeline.schema import metrics
from pipeline.schema.predictions import PredictionFile
from pipeline.schema.probabilities import Heads, Numbers, likeliest
from pipeline.schema.schema import SCHEMA, Codes


@dataclass(frozen=True)
class EnsembleMembers:
    """The trainings that the parameters name.

    Attributes:
        models: Folder of the trained models.
        trained: Names of the models, each trained on every fold.
        folds: The folds.
        refitted: Models that are retrained on all data.
        pseudo_labelled: Models that are trained a second time on every fold, with pseudo labels.
    """

    models: Path
    trained: Sequence[str]
    folds: Sequence[int]
    refitted: Sequence[str] = ()
    pseudo_labelled: Sequence[str] = ()

    @classmethod
    def of(cls, models: Path, train: Train, refit: Refit, pseudo_label: PseudoLabel) -> "EnsembleMembers":
        """The trainings of three sections of the parameters, below the folder `models`."""
        return cls(models, train.models, train.folds, refit.models, pseudo_label.models)

    def everyone(self) -> list[Member]:
        """Every member, whether or not it is in a system."""
        return [
            *(member for model in self.trained for member in self._of_folds(model)),
            *(Member(self.models, model) for model in self.refitted),
            *(member for model in self.pseudo_labelled for member in self._of_folds(model, pseudo_labelled=True)),
        ]

    def voters(self, name: str) -> list[Member]:
        """The members that predict eval: of `mask/refit` the refit, of `mask` those of its last training."""
        model, _, part = name.partition("/")
        if part == "refit" or (not part and model in self.refitted):
            return [Member(self.models, model)]
        return self.scored(name)

    def scored(self, name: str) -> list[Member]:
        """The members of the folds, whose out-of-fold predictions are scored; a refit is scored by its folds."""
        model, _, part = name.partition("/")
        return self._of_folds(
            model, pseudo_labelled=part == "pseudo_label" or (not part and model in self.pseudo_labelled)
        )

    def _of_folds(self, model: str, pseudo_labelled: bool = False) -> list[Member]:
        return [Member(self.models, model, fold, pseudo_labelled) for fold in self.folds]


class OutOfFoldFiles:
    """Out-of-fold predictions of photos (n), each by the member of a model that held its fold out."""

    def __init__(self, members: Mapping[str, Sequence[Member]], photos: pd.DataFrame) -> None:
        """Find the photos in the files of the members, by the name of their model in a system.

        Raises:
            InputError: Names the photos without a prediction.
        """
        self._fold = photos["fold"].to_numpy()
        self._rows = {
            member.fold: np.flatnonzero(self._fold == member.fold) for own in members.values() for member in own
        }
        self._files = {
            name: {
                member.fold: PredictionFile(member.out_of_fold, photos["path"].iloc[self._rows[member.fold]])
                for member in own
            }
            for name, own in members.items()
        }

    def read(self, positions: Codes) -> MemberProbabilities:
        """The predictions of the photos at some positions (k,), those of one member for each name."""
        folds = self._fold[positions]
        own = {fold: np.flatnonzero(folds == fold) for fold in self._rows}
        order = np.argsort(np.concatenate(list(own.values())))
        read = {}
        for name, files in self._files.items():
            parts = [files[fold].read(np.searchsorted(self._rows[fold], positions[rows])) for fold, rows in own.items()]
            read[name] = [{head: np.concatenate([part[head] for part in parts])[order] for head in parts[0]}]
        return read


def held_out(members: Sequence[Member], photos: pd.DataFrame) -> Heads:
    """Out-of-fold predictions of all photos (n). Raises as `OutOfFoldFiles` does."""
    (heads,) = OutOfFoldFiles({"": members}, photos).read(np.arange(len(photos)))[""]
    return heads


def best(members: Sequence[Member], heads: Heads, photos: pd.DataFrame, number: int | None) -> list[Member]:
    """The `number` members of the highest score, each on its own fold; all for None, and for a refit.

    Args:
        members: The members that predict eval.
        heads: Out-of-fold predictions (n, ...) of labelled photos.
        photos: The photos (n).
        number: How many members.
    """
    if number is None or any(member.fold is None for member in members):
        return list(members)
    scores = [_score(heads, photos, (photos["fold"] == member.fold).to_numpy()) for member in members]
    return [members[position] for position in voting.top(scores, number)]


def epoch_selected_on_val(members: Sequence[Member]) -> bool:
    """Whether the epoch of any member was selected on the people that its out-of-fold scores are of.

    Raises:
        InputError: When metrics.json of a member is missing or malformed.
    """
    folds = [member for member in members if member.fold is not None]
    numbers = [read_numbers(member.folder / METRICS, "run `dvc repro`") for member in folds]
    return any(found.get("epoch_selected_on_val", 0) for found in numbers)


def _score(heads: Heads, photos: pd.DataFrame, own: Mask) -> float:
    return float(np.mean([_macro_f1(head, numbers[own], photos[own]) for head, numbers in heads.items()]))


def _macro_f1(head: str, numbers: Numbers, photos: pd.DataFrame) -> float:
    schema = SCHEMA.head(head)
    return metrics.macro_f1(metrics.confusion(schema.codes(photos), likeliest(numbers), schema.classes))
