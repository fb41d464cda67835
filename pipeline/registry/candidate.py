"""What is registered: a model's files and its evidence, gathered from what the pipeline has made."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pipeline.config import params
from pipeline.dataset.folds import folded
from pipeline.ensembling import fitted_ensemble
from pipeline.ensembling.members import EnsembleMembers, held_out
from pipeline.faces.config import Crop
from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.hashes import sha256
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.members import Member, require
from pipeline.registry import ENSEMBLE, evidence
from pipeline.registry.evidence import OutOfFoldEvidence
from pipeline.registry.serving.classifier import CROP, ENSEMBLE_FILE, MEMBERS
from pipeline.schema import predictions

ENTRY = "config.json"
TRAININGS = "trainings"
ANSWERS: dict[str, tables.Kind] = {"path": "text", "prediction": "integer"}


@dataclass(frozen=True)
class Candidate:
    """One model to be registered.

    `model` are the files that answer photos and `kept` those that show where it comes from, by the path under
    which they are kept: a file here, or the text itself. `entries` are the parameters of what was trained.
    """

    name: str
    model: Mapping[str, Path | str]
    evidence: OutOfFoldEvidence
    entries: Mapping[str, ModelConfig]
    kept: Mapping[str, Path | str] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 of what it answers by and of its evidence: equal ones are the same version."""
        whole = hashlib.sha256()
        for name, source in sorted(self.model.items()):
            whole.update(f"{name} {_digest(source)}\n".encode())
        whole.update(self.evidence.table.to_csv(index=False).encode())
        return whole.hexdigest()

    def write_model(self, folder: Path) -> None:
        """Write the files that answer photos."""
        _write(self.model, folder)

    def write_evidence(self, folder: Path) -> None:
        """Write the evidence, and the files that show where the model comes from."""
        tables.write(self.evidence.table, folder / evidence.FILE)
        _write(self.kept, folder)


def candidates(read: params.Params, models: Path, labels: Path, folds: Path, results: Path) -> Iterator[Candidate]:
    """Every trained model, and then the ensemble; raises `InputError` when something has not been made."""
    members_named = EnsembleMembers.of(models, read.train, read.refit, read.pseudo_label)
    require(members_named.everyone())
    photos = folded(labels, folds)
    trained = photos[photos["fold"].isin(members_named.folds)].reset_index(drop=True)
    for name in members_named.trained:
        said = evidence.of_heads(list(trained["path"]), held_out(members_named.judged(name), trained))
        yield Candidate(
            f"{ENSEMBLE}-{name}",
            _model(read.crop, members_named.voters(name)),
            OutOfFoldEvidence.of(photos, said),
            {name: read.models[name]},
            {ENTRY: read.models[name].model_dump_json(indent=2)} | _trainings(models / name),
        )
    yield _ensemble(read, members_named, photos, results)


def _ensemble(read: params.Params, members_named: EnsembleMembers, photos: pd.DataFrame, results: Path) -> Candidate:
    by_name = {member.name: member for member in members_named.everyone()}
    fitted = fitted_ensemble.read(results / ENSEMBLE_FILE)
    voters = [name for members in fitted.voters.values() for name in members]
    if strangers := [name for name in voters if name not in by_name]:
        raise InputError(f"{results / ENSEMBLE_FILE}: {', '.join(strangers)} are not in params.yaml; run `dvc repro`")
    answers = tables.read(results / "out_of_fold.csv", ANSWERS)
    raise_faults(
        f"{results / 'out_of_fold.csv'}: not of these labels; run `dvc repro`",
        [one for one in predictions.mismatches(photos["path"], answers["path"]) if not one.startswith("no row")],
    )
    said = evidence.of_classes(list(answers["path"]), answers["prediction"].to_numpy())
    return Candidate(
        ENSEMBLE,
        _model(read.crop, [by_name[name] for name in dict.fromkeys(voters)]) | {ENSEMBLE_FILE: results / ENSEMBLE_FILE},
        OutOfFoldEvidence.of(photos, said),
        {name: read.models[name] for name in members_named.trained},
        {name: results / name for name in ("metrics.json", "classes.csv", "confusion.png", "systems.csv")},
    )


def _model(crop: Crop, members: list[Member]) -> dict[str, Path | str]:
    settings = crop.model_copy(update={"shards": (0,)})  # how many cut side by side is no part of the answer
    files: dict[str, Path | str] = {f"{MEMBERS}/{member.name}.safetensors": member.weights for member in members}
    return files | {CROP: settings.model_dump_json(indent=2)}


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
