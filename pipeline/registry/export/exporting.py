"""Export of members to a folder: each form is written, compared with torch, and described in export.json."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import TypeAdapter, ValidationError

from pipeline.dataset.folds import labels_with_folds
from pipeline.formats import crop_files
from pipeline.formats.arrays import Packed
from pipeline.formats.documents import read_text
from pipeline.formats.images import Pixels
from pipeline.formats.section import Section
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text
from pipeline.foundation.hashes import sha256
from pipeline.modeling import weights
from pipeline.modeling.augmentation import Pipeline
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.registry.export import comparison, forms
from pipeline.registry.export.comparison import EAGER, Figures
from pipeline.registry.export.forms import Exported, Form, Predict
from pipeline.schema.schema import SCHEMA

FILE = "export.json"
MOST = 256
"""Images that forms are compared on."""
WORTHWHILE = 1.5
"""Speed relative to torch from which a form takes its place in predictions."""


class Entry(Section):
    """What is known of an exported member.

    Attributes:
        weights: SHA-256 of the weights file that it was exported from.
        tta: The test-time augmentation that its graphs hold.
        fastest: The fastest form that agrees with torch and is `WORTHWHILE`; None when torch is.
        gain: The speed of that form relative to torch.
    """

    weights: str
    tta: TTA
    fastest: Form | None
    gain: float


ENTRIES = TypeAdapter(dict[str, Entry])


@dataclass(frozen=True)
class Crops:
    """Labelled crops to compare on: packed pixels (n, height, width, 3), and their labels with `fold`."""

    pixels: Packed
    photos: pd.DataFrame

    @classmethod
    def read(cls, crops: Path, labels: Path, folds: Path) -> "Crops":
        """Read the packed crops of train with their labels and folds; raises `InputError` when one is missing."""
        paths = crop_files.paths(crops, "train")
        photos = labels_with_folds(labels, folds).set_index("path")
        if missing := sorted(set(paths) - set(photos.index)):
            raise InputError(f"{labels}: no label of {len(missing)} crops, first {missing[0]}; run `dvc repro`")
        return cls(crop_files.pixels(crops, "train"), photos.loc[paths.tolist()].reset_index())

    def rows(self, fold: int | None) -> npt.NDArray[np.int64]:
        """At most `MOST` rows of a fold; of all photos without one."""
        held_out = np.ones(len(self.photos), bool) if fold is None else (self.photos["fold"] == fold).to_numpy()
        return np.flatnonzero(held_out)[:MOST]


def export(
    members: Mapping[str, tuple[Path, TTA]], wanted: Sequence[Form], crops: Crops | None, folder: Path
) -> dict[str, list[Figures]]:
    """Write the forms of all members, and `export.json`, which names the fastest of each.

    Args:
        members: Weights and test-time augmentation of each member, by name.
        wanted: The forms to write.
        crops: Crops that forms are compared on, those of the member's held-out fold; None for random pixels.
        folder: The folder to write to.

    Returns:
        The figures of each member, torch's first.

    Raises:
        InputError: When a form cannot be written, or its predictions differ from torch's; it is removed.
    """
    figures, entries = {}, _entries(folder)
    for name, (path, tta) in members.items():
        figures[name] = _export_member(name, path, tta, wanted, crops, folder)
        entries[name] = described(path, tta, figures[name])
        write_text(folder / FILE, ENTRIES.dump_json(entries, indent=2).decode())
    return figures


@dataclass(frozen=True)
class ExportedMember:
    """A member that predicts packed crops by an exported form; `gain` is its speed relative to torch."""

    form: Form
    gain: float
    config: ModelConfig
    predict: Predict

    def __call__(self, crops: Pixels, workers: int | None = None) -> dict[str, npt.NDArray[np.float32]]:  # noqa: ARG002
        """Predict packed crops (n, height, width, 3): per head, probabilities (n, classes) or years (n,)."""
        return comparison.in_batches(self.predict, _images(crops, np.arange(len(crops)), self.config))


def fastest(folder: Path, members: Mapping[str, tuple[Path, TTA]]) -> dict[str, ExportedMember]:
    """The exported forms that may take torch's place, by member.

    They predict as torch does in full precision; a member of mixed precision is predicted by torch.

    Args:
        folder: A folder that `export` has written to.
        members: Weights, which must be those that were exported, and test-time augmentation of each member, by name.

    Raises:
        MissingExtraError: When the extra `export` is not installed.
        InputError: When export.json cannot be read.
    """
    entries, found = _entries(folder), {}
    for name, (path, tta) in members.items():
        entry = entries.get(name)
        if entry is None or entry.fastest is None or entry.tta != tta or entry.weights != sha256(path):
            continue
        config = weights.read_metadata(path).config
        if config.precision == "32-true":
            predict = forms.load(entry.fastest, folder / f"{name}{forms.SUFFIXES[entry.fastest]}", _cores())
            found[name] = ExportedMember(entry.fastest, entry.gain, config, predict)
    return found


def _export_member(
    name: str, path: Path, tta: TTA, wanted: Sequence[Form], crops: Crops | None, folder: Path
) -> list[Figures]:
    network, metadata = weights.load(path)
    exported = Exported(network, tta)
    config = metadata.config
    torch.set_num_threads(_cores())
    files = {form: _files(folder, name, form) for form in wanted}
    for form in wanted:
        forms.write(form, exported, metadata, files[form][0])
    graphs: list[Form] = [form for form in wanted if form != "timm"]
    predict = {EAGER: forms.eager(exported)} | {form: forms.load(form, files[form][0], _cores()) for form in graphs}
    rows = None if crops is None else crops.rows(metadata.fold)
    images = _noise(config) if crops is None or rows is None else _images(crops.pixels, rows, config)
    labels = {} if crops is None or rows is None else _labels(crops.photos.iloc[rows], config)
    found = comparison.compare(predict, {EAGER: [path]} | {form: files[form] for form in graphs}, images, labels)
    try:
        comparison.require_agreement(name, found)
    except InputError:
        for file in (file for form in wanted for file in files[form]):
            file.unlink(missing_ok=True)
        raise
    return found


def described(path: Path, tta: TTA, figures: Sequence[Figures]) -> Entry:
    """The entry of a member in export.json, from the figures of its forms, all of which agree with torch."""
    best = max(figures, key=lambda each: each.gain)
    worthwhile = best.form != EAGER and best.gain >= WORTHWHILE
    return Entry.model_validate(
        {"weights": sha256(path), "tta": tta, "fastest": best.form if worthwhile else None, "gain": round(best.gain, 2)}
    )


def _entries(folder: Path) -> dict[str, Entry]:
    path = folder / FILE
    if not path.exists():
        return {}
    remedy = "remove it, and run `python -m pipeline export` again"
    try:
        return ENTRIES.validate_json(read_text(path, remedy))
    except ValidationError as error:
        raise InputError(f"{path}: not written by this version: {error.errors()[0]['msg']}; {remedy}") from None


def _files(folder: Path, name: str, form: Form) -> list[Path]:
    file = folder / f"{name}{forms.SUFFIXES[form]}"
    return [file, file.with_suffix(".bin")] if form == "openvino" else [file]


def _images(pixels: Packed, rows: npt.NDArray[np.int64], config: ModelConfig) -> Pixels:
    prepare = Pipeline(config, training=False)
    return np.stack([prepare(np.array(pixels[row]), (config.seed, int(row))) for row in rows])


def _noise(config: ModelConfig) -> Pixels:
    shape = (MOST // 4, *config.input_shape, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _labels(photos: pd.DataFrame, config: ModelConfig) -> dict[str, npt.NDArray[np.int64]]:
    classes = [name for name, head in config.heads.items() if not head.of_years]
    return {name: SCHEMA.head(name).codes(photos) for name in classes}


def _cores() -> int:
    return os.cpu_count() or 1
