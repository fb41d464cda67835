"""A registered model: crops photos as in training, runs the members and combines their outputs as the ensemble does."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from pipeline.ensembling import fitted_ensemble
from pipeline.faces.config import Crop
from pipeline.faces.cropping import BATCH, Cropper, CropResult
from pipeline.faces.detection import device, pool
from pipeline.faces.doubts import misframed
from pipeline.faces.photo_sizes import PhotoSizes
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.progress import watch
from pipeline.foundation.terminal import log, warn
from pipeline.modeling.config import TTA
from pipeline.modeling.inference import Predictor
from pipeline.registry.serving import request_parsing
from pipeline.schema import predictions
from pipeline.schema.probabilities import Heads, Table, likeliest
from pipeline.schema.schema import SCHEMA

CROP = "crop.json"
ENSEMBLE_FILE = "ensemble.json"
MEMBERS = "members"
SIZES_FILE = "photo_sizes.json"
TTA_FILE = "tta.json"
Read = TypeVar("Read")
TTA_BY_MEMBER = TypeAdapter(dict[str, TTA])
EXPORTED = "PIPELINE_EXPORTED"
"""Environment variable: the folder of `python -m pipeline export`; by default `exported` in the working directory."""


class Classifier:
    """The members in a folder, with the crop settings of their training and, for an ensemble, the fitted ensemble.

    Args:
        folder: The folder.
        warns: Whether to warn of crops that may not show the person: a person reads it, a server's log is no place.
    """

    def __init__(self, folder: Path, warns: bool = False) -> None:
        self._warns = warns
        self._cropper = Cropper(_read(folder / CROP, TypeAdapter(Crop)), device())
        self.photo_sizes = _read(folder / SIZES_FILE, TypeAdapter(PhotoSizes))
        self._fitted_ensemble = (
            fitted_ensemble.read(folder / ENSEMBLE_FILE) if (folder / ENSEMBLE_FILE).exists() else None
        )
        found = members(folder)
        faster = _exported(found)
        self._members = {name: faster.get(name) or Predictor(path, tta) for name, (path, tta) in found.items()}

    def predict(self, model_input: Any, params: object = None) -> pd.DataFrame:  # noqa: ARG002 (MLflow's interface)
        """Predict a row per photo, in the order of the request.

        Args:
            model_input: Photos in any form that `request_parsing` accepts.
            params: Not used; part of MLflow's interface.

        Returns:
            For an ensemble: `class` (0..17), `mask`, `gender`, `age`, the `probability` of the class, those of all
            classes by name, and of each attribute's values as `mask=worn`. For a single model, per head: the most
            likely value and the probabilities `<head>=<value>`, or the years.

        Raises:
            InputError: When photos cannot be read. The error lists all of them; none is predicted.
        """
        cells = request_parsing.cells(model_input)
        crops = self._crop(cells)
        outputs = {
            name: member(crops, workers=0)
            for name, member in watch(self._members.items(), "predict", len(self._members))
        }
        predicted = (
            _of_ensemble(self._fitted_ensemble, outputs) if self._fitted_ensemble else _of_model(list(outputs.values()))
        )
        index = model_input.index if isinstance(model_input, pd.DataFrame) else None
        return predicted.set_axis(index) if index is not None else predicted

    def _crop(self, cells: Sequence[Any]) -> Pixels:
        """Crops (n, height, width, 3), detected in the batches of the stage `crop`, a batch per thread."""

        def cut(batch: Sequence[tuple[Any, str]]) -> tuple[list[CropResult], list[str]]:
            photos, faults = request_parsing.read_all(batch, self._cropper.params.max_pixels)
            return [] if faults else self._cropper(photos), faults

        batches = list(request_parsing.batches(cells, BATCH))
        with pool() as threads:
            found = list(watch(threads.map(cut, batches), "crop", len(batches)))
        raise_faults("photos that cannot be read", [fault for _, faults in found for fault in faults])
        crops = [crop for batch, _ in found for crop in batch]
        self._warn_of_sizes([min(crop.photo_shape) for crop in crops])
        if self._warns:
            self._warn_of_doubts(crops)
        return np.stack([crop.pixels for crop in crops])

    def _warn_of_sizes(self, shorter_sides: Sequence[int]) -> None:
        sizes = PhotoSizes(min(shorter_sides), max(shorter_sides))
        if self._cropper.params.depends_on_photo_size and sizes.exceed(self.photo_sizes):
            warn(
                f"photos of {sizes} pixels on the shorter side, and the model was trained on photos of "
                f"{self.photo_sizes}: its crops are in pixels and frame photos of another size otherwise; scale the "
                "photos to that size, or train with crop.grow and crop.center as fractions"
            )

    def _warn_of_doubts(self, crops: Sequence[CropResult]) -> None:
        faces = [(crop.face.probability, crop.face.turn) if crop.face else (0.0, 0) for crop in crops]
        table = pd.DataFrame(faces, columns=["probability", "turn"])
        table = table.assign(source=[crop.source for crop in crops], faces=[crop.faces for crop in crops])
        reasons = misframed(table, self._cropper.params.searches_faces)
        found = [
            f"{rows.sum():,} with {name} (first: photo {rows.argmax() + 1})"
            for name, rows in reasons.items()
            if rows.any()
        ]
        if found:
            warn(f"crops that may not show the person: {', '.join(found)}; turn, crop or replace these photos")


def members(folder: Path) -> dict[str, tuple[Path, TTA]]:
    """Weights and test-time augmentation of each member in a model's folder, by name.

    Raises:
        InputError: When the folder is not that of a registered model of this version.
    """
    tta = _read(folder / TTA_FILE, TTA_BY_MEMBER)
    files = sorted((folder / MEMBERS).iterdir())
    missing = [path.stem for path in files if path.stem not in tta]
    raise_faults(f"{folder / TTA_FILE}: members without an entry", missing)
    return {path.stem: (path, tta[path.stem]) for path in files}


def _read(path: Path, kind: TypeAdapter[Read]) -> Read:
    """The content of a JSON file of a registered model."""
    try:
        return kind.validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]["msg"]
        raise InputError(f"{path}: not of a model that this version registers: {fault}; register it again") from None


def _exported(found: Mapping[str, tuple[Path, TTA]]) -> Mapping[str, Callable[..., Heads]]:
    """The members that an exported form predicts faster than torch on this CPU; logs which."""
    folder = Path(os.environ.get(EXPORTED, "exported"))
    if device() != "cpu" or not folder.is_dir():
        return {}
    from pipeline.registry.export import exporting
    from pipeline.registry.export.forms import MissingExtraError

    try:
        faster = exporting.fastest(folder, found)
    except MissingExtraError as error:
        warn(f"torch predicts, and not the forms in {folder}: {error}")
        return {}
    chosen = [f"{name} by {one.form}, {one.gain:.1f} times as fast as torch" for name, one in faster.items()]
    log(f"forms in {folder}: {'; '.join(chosen) or 'none is faster than torch'}", to=sys.stderr)
    return faster


def _of_ensemble(fitted: fitted_ensemble.FittedEnsemble, outputs: Mapping[str, Heads]) -> pd.DataFrame:
    voter_outputs = {name: [outputs[member] for member in members] for name, members in fitted.voters.items()}
    table = fitted.predict(voter_outputs)
    codes = table.argmax(axis=1)
    predicted = {"class": codes, **SCHEMA.value_names(codes), "probability": table.max(axis=1)}
    return pd.concat([pd.DataFrame(predicted), _probabilities(table)], axis=1)


def _probabilities(table: Table) -> pd.DataFrame:
    parts = [pd.DataFrame(SCHEMA.marginal(table, name), columns=_columns(name)) for name in SCHEMA.names]
    return pd.concat([pd.DataFrame(table, columns=SCHEMA.class_names), *parts], axis=1)


def _of_model(members: Sequence[Heads]) -> pd.DataFrame:
    """The mean of the members' outputs, head by head."""
    means = {head: np.stack([heads[head] for heads in members]).mean(axis=0, dtype=np.float64) for head in members[0]}
    predicted = {head: np.array(SCHEMA.head(head).class_names)[likeliest(mean)] for head, mean in means.items()}
    return pd.concat([pd.DataFrame(predicted), predictions.columns(means)], axis=1)


def _columns(attribute: str) -> list[str]:
    return [f"{attribute}={value}" for value in SCHEMA[attribute].values]
