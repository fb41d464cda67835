"""Who is there to vote: the members that the params name, and what they said of photos with known labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.ensembling import selection
from pipeline.modeling.config.stages import PseudoLabel, Refit, Train
from pipeline.modeling.members import Member
from pipeline.schema import metrics, predictions
from pipeline.schema.probabilities import Heads, Numbers, likeliest
from pipeline.schema.schema import SCHEMA


@dataclass(frozen=True)
class EnsembleMembers:
    """The folds of every trained model, and the refit or the second round on the same folds of some."""

    models: Path
    trained: Sequence[str]
    folds: Sequence[int]
    refitted: Sequence[str] = ()
    pseudo_labelled: Sequence[str] = ()

    @classmethod
    def of(cls, models: Path, train: Train, refit: Refit, pseudo_label: PseudoLabel) -> "EnsembleMembers":
        """Whom the params name, below the folder `models`."""
        return cls(models, train.models, train.folds, refit.models, pseudo_label.models)

    def everyone(self) -> list[Member]:
        """Every member that there should be."""
        return [
            *(member for model in self.trained for member in self._of_folds(model)),
            *(Member(self.models, model) for model in self.refitted),
            *(member for model in self.pseudo_labelled for member in self._of_folds(model, pseudo_labelled=True)),
        ]

    def voters(self, name: str) -> list[Member]:
        """Who answers for a name in a system: `mask/refit`, or `mask` for the last training that mask has had."""
        model, _, part = name.partition("/")
        if part == "refit" or (not part and model in self.refitted):
            return [Member(self.models, model)]
        return self.judged(name)

    def judged(self, name: str) -> list[Member]:
        """Whose out-of-fold predictions tell how good a name in a system is: for a refit those of its folds."""
        model, _, part = name.partition("/")
        return self._of_folds(
            model, pseudo_labelled=part == "pseudo_label" or (not part and model in self.pseudo_labelled)
        )

    def _of_folds(self, model: str, pseudo_labelled: bool = False) -> list[Member]:
        return [Member(self.models, model, fold, pseudo_labelled) for fold in self.folds]


def held_out(members: Sequence[Member], photos: pd.DataFrame) -> Heads:
    """What members said of the photos of the folds that they held out, in the order of the photos.

    Raises `InputError` that names the photos that lack a prediction.
    """
    rows = [_rows(member, photos) for member in members]
    parts = [
        predictions.read_for(member.out_of_fold, list(photos["path"].iloc[own]))
        for member, own in zip(members, rows, strict=True)
    ]
    order = np.argsort(np.concatenate(rows))
    return {head: np.concatenate([part[head] for part in parts])[order] for head in parts[0]}


def best(members: Sequence[Member], photos: pd.DataFrame, number: int | None) -> list[Member]:
    """The `number` members that scored highest, each on its own fold; all for None, and a refit, which has no score."""
    if number is None or any(member.fold is None for member in members):
        return list(members)
    folds = [photos.iloc[_rows(member, photos)] for member in members]
    scores = [_score(held_out([member], fold), fold) for member, fold in zip(members, folds, strict=True)]
    return [members[position] for position in selection.top(scores, number)]


def _rows(member: Member, photos: pd.DataFrame) -> npt.NDArray[np.intp]:
    return np.flatnonzero(photos["fold"] == member.fold)


def _score(heads: Heads, photos: pd.DataFrame) -> float:
    return float(np.mean([_macro_f1(head, numbers, photos) for head, numbers in heads.items()]))


def _macro_f1(head: str, numbers: Numbers, photos: pd.DataFrame) -> float:
    true = SCHEMA.head(head).codes(photos)
    return metrics.macro_f1(metrics.confusion(true, likeliest(numbers), SCHEMA.head(head).classes))
