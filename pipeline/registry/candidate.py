"""A candidate for registration: a model's files, its out-of-fold evidence and the hashes of its data."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.dataset.folds import labels_with_folds
from pipeline.ensembling import fitted_ensemble
from pipeline.ensembling.members import EnsembleMembers, held_out
from pipeline.faces.config import Crop
from pipeline.faces.photo_sizes import PhotoSizes
from pipeline.formats import crop_files, tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.hashes import sha256
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.members import Member, require
from pipeline.registry import ENSEMBLE, evidence
from pipeline.registry.evidence import OutOfFoldEvidence
from pipeline.registry.serving.classifier import CROP, ENSEMBLE_FILE, MEMBERS, SIZES_FILE, TTA_BY_MEMBER, TTA_FILE
from pipeline.schema import predictions
from pipeline.tracking.provenance import commit

CONFIG = "config.json"
TRAININGS = "trainings"
PREDICTED: dict[str, tables.Kind] = {"path": "text", "prediction": "integer"}
PHOTOS_STAGE = "relabel"  # the stage that depends on the folder of photos


@dataclass(frozen=True)
class Candidate:
    """One model to be registered.

    Attributes:
        name: Name of the registered model.
        model: The files that prediction needs, by their path in the version: a file on disk, or its text.
        evidence: The out-of-fold evidence.
        configs: The configurations of the trained models.
        sources: The files that document the training, in the same form.
    """

    name: str
    model: Mapping[str, Path | str]
    evidence: OutOfFoldEvidence
    configs: Mapping[str, ModelConfig]
    sources: Mapping[str, Path | str] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 of the model's files and its evidence; equal digests are the same version."""
        whole = hashlib.sha256()
        for name, source in sorted(self.model.items()):
            whole.update(f"{name} {_digest(source)}\n".encode())
        whole.update(self.evidence.table.to_csv(index=False).encode())
        return whole.hexdigest()

    def write_model(self, folder: Path) -> None:
        """Write the files that prediction needs."""
        _write(self.model, folder)

    def write_evidence(self, folder: Path) -> None:
        """Write the evidence and the files that document the training."""
        tables.write(self.evidence.table, folder / evidence.FILE)
        _write(self.sources, folder)


def candidates(
    members: EnsembleMembers,
    configs: Mapping[str, ModelConfig],
    tta: Mapping[str, TTA],
    crop: Crop,
    labels: Path,
    folds: Path,
    crops: Path,
    results: Path,
) -> Iterator[Candidate]:
    """Yield a candidate for every trained model, then one for the ensemble.

    Args:
        members: The trained members.
        configs: The model configurations by name.
        tta: The test-time augmentation of each model.
        crop: The settings by which photos were cropped.
        labels: Table of corrected labels.
        folds: Table of folds.
        crops: Folder of packed crops.
        results: Folder that the stage `ensemble` wrote.

    Raises:
        InputError: When an output of a stage is missing.
    """
    require(members.everyone())
    photos = labels_with_folds(labels, folds)
    shared = _shared(crop, PhotoSizes.of(crop_files.table(crops, "train")))
    trained = photos[photos["fold"].isin(members.folds)].reset_index(drop=True)
    for name in members.trained:
        predicted = evidence.of_heads(list(trained["path"]), held_out(members.scored(name), trained))
        yield Candidate(
            f"{ENSEMBLE}-{name}",
            shared | _model(members.voters(name), tta),
            OutOfFoldEvidence.of(photos, predicted),
            {name: configs[name]},
            {CONFIG: configs[name].model_dump_json(indent=2)} | _trainings(members.models / name),
        )
    yield _ensemble(members, configs, tta, shared, photos, results)


def data_tags(lock: Mapping[str, Any], root: Path, labels: Path, folds: Path, crops: Path) -> dict[str, str]:
    """Content hashes of the photos, labels, folds and crops, and the commit where there is one.

    Args:
        lock: The entries of dvc.lock by stage; they hold the hash of the photos.
        root: Folder of the data set.
        labels: Table of corrected labels.
        folds: Table of folds.
        crops: Folder of packed crops.

    Raises:
        InputError: When dvc.lock has no hash of the photos.
    """
    train = (root / "train").as_posix()
    hashes = {each["path"]: each.get("md5") for each in lock.get(PHOTOS_STAGE, {}).get("deps", [])}
    if not hashes.get(train):
        raise InputError(f"dvc.lock: no hash of {train}, from which labels and crops come; run `dvc repro`")
    return {"data_photos": str(hashes[train])} | data_hashes(labels, folds, crops) | commit()


def data_hashes(labels: Path, folds: Path, crops: Path) -> dict[str, str]:
    """Content hashes of the inputs of a training: the tables of labels and folds, and the crops of train."""
    files = {"data_labels": labels, "data_folds": folds, "data_crops": crop_files.index_file(crops, "train")}
    return {name: sha256(path) for name, path in files.items()}


def _ensemble(
    members: EnsembleMembers,
    configs: Mapping[str, ModelConfig],
    tta: Mapping[str, TTA],
    shared: Mapping[str, Path | str],
    photos: pd.DataFrame,
    results: Path,
) -> Candidate:
    by_name = {member.name: member for member in members.everyone()}
    fitted = fitted_ensemble.read(results / ENSEMBLE_FILE)
    voters = [name for names in fitted.voters.values() for name in names]
    if unknown := [name for name in voters if name not in by_name]:
        raise InputError(f"{results / ENSEMBLE_FILE}: {', '.join(unknown)} are not in params.yaml; run `dvc repro`")
    predicted = tables.read(results / "out_of_fold.parquet", PREDICTED)
    raise_faults(
        f"{results / 'out_of_fold.parquet'}: does not match the labels; run `dvc repro`",
        [
            fault
            for fault in predictions.mismatches(photos["path"], predicted["path"])
            if not fault.startswith("no row")
        ],
    )
    by_path = evidence.of_classes(list(predicted["path"]), predicted["prediction"].to_numpy())
    own = _model([by_name[name] for name in dict.fromkeys(voters)], tta)
    return Candidate(
        ENSEMBLE,
        {**shared, **own, ENSEMBLE_FILE: results / ENSEMBLE_FILE},
        OutOfFoldEvidence.of(photos, by_path),
        {name: configs[name] for name in members.trained},
        {name: results / name for name in ("metrics.json", "classes.csv", "confusion.png", "systems.csv")},
    )


def _shared(crop: Crop, sizes: PhotoSizes) -> dict[str, Path | str]:
    """The files that all models of one pipeline have in common."""
    settings = crop.model_copy(update={"shards": (0,)})  # the number of shards does not change a crop
    return {CROP: settings.model_dump_json(indent=2), SIZES_FILE: json.dumps(sizes._asdict(), indent=2)}


def _model(members: list[Member], tta: Mapping[str, TTA]) -> dict[str, Path | str]:
    files: dict[str, Path | str] = {f"{MEMBERS}/{member.name}.safetensors": member.weights for member in members}
    by_member = TTA_BY_MEMBER.dump_json({member.name: tta[member.model] for member in members}, indent=2)
    return files | {TTA_FILE: by_member.decode()}


def _trainings(folder: Path) -> dict[str, Path | str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {f"{TRAININGS}/{path.relative_to(folder).as_posix()}": path for path in files}


def _digest(source: Path | str) -> str:
    return hashlib.sha256(source.encode()).hexdigest() if isinstance(source, str) else sha256(source)


def _write(files: Mapping[str, Path | str], folder: Path) -> None:
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, str):
            target.write_text(source, encoding="utf-8")
        else:
            shutil.copyfile(source, target)
