"""Stage infer: the predictions of one trained member, with test-time augmentation."""

from pathlib import Path

import numpy as np

from pipeline.formats import crop_files, tables
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import TTA
from pipeline.modeling.inference import Predictor
from pipeline.modeling.members import EVAL, OUT_OF_FOLD
from pipeline.modeling.weights import read_metadata
from pipeline.schema import predictions


def infer(weights: Path, crops: Path, folds: Path | None, tta: TTA, output: Path) -> None:
    """Predict the eval photos and, unless the member is a refit, its held-out fold.

    Writes eval.parquet and out_of_fold.parquet: a row per photo with the probabilities, or years, of every head. Where
    the last epochs trained on the held-out fold, the weights from before predict it.

    Args:
        weights: The weights that a training wrote; they name the held-out fold.
        crops: Folder of packed crops.
        folds: Table of folds; a refit needs none.
        tta: Test-time augmentation.
        output: The folder to write to.

    Raises:
        InputError: When the weights cannot be read, or a crop of train has no fold, or a member of a fold no table of
            folds.
    """
    fold = read_metadata(weights).fold
    photos = crop_files.paths(crops, "eval")
    predictions.write(output / EVAL, photos, Predictor(weights, tta)(crop_files.pixels(crops, "eval")))
    if fold is None:
        return
    if folds is None:
        raise InputError(f"{weights}: held out fold {fold}; name the table of folds by --folds")
    photos = crop_files.paths(crops, "train")
    fold_of = tables.read(folds, tables.FOLDS, unique="path").set_index("path")["fold"].reindex(photos).to_numpy()
    if np.isnan(fold_of).any():
        missing = photos[np.isnan(fold_of)]
        raise InputError(f"{folds}: no fold of {len(missing)} crops, first {missing.min()}; run `dvc repro`")
    rows = np.flatnonzero(fold_of == fold)
    predicted = Predictor(weights, tta, validated=True)(crop_files.pixels(crops, "train"), rows)
    predictions.write(output / OUT_OF_FOLD, photos.iloc[rows], predicted)
