"""params.yaml, read and checked as a whole: a section per stage, a configuration per model. Its only reader."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ValidationError, model_validator

from pipeline.config.kubeflow import Kubeflow
from pipeline.config.validation_messages import describe, validated
from pipeline.dataset.config import Data, Relabel, Split
from pipeline.ensembling.config import Ensemble
from pipeline.faces.config import Crop
from pipeline.formats.documents import parse_yaml, read_text
from pipeline.formats.section import Section
from pipeline.foundation.errors import did_you_mean
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.config.stages import PseudoLabel, Refit, Train
from pipeline.modeling.members import PARTS
from pipeline.schema.schema import SCHEMA
from pipeline.synthetic.config import Sample

FILE = Path("params.yaml")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
NAME_RULE = "letters, digits, _ and -, and no - first"
TAKEN = ("shares",)  # the tables beside the submission


def _file_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file without its extension: {NAME_RULE}")
    if name.lower() in TAKEN:
        raise ValueError(f"{name!r} is the name of another table beside the submission")
    return name


class Submission(Section):
    """The submission.

    Attributes:
        name: Name of the file that is submitted: `results/NAME.csv`.
    """

    name: Annotated[str, AfterValidator(_file_name)]


class Params(Section):
    """The whole of params.yaml."""

    data: Data
    sample: Sample
    relabel: Relabel
    crop: Crop
    split: Split
    train: Train
    refit: Refit
    pseudo_label: PseudoLabel = PseudoLabel()
    models: dict[str, ModelConfig]
    tta: dict[str, TTA]
    ensemble: Ensemble
    submission: Submission
    kubeflow: Kubeflow = Kubeflow()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        faults = [
            *self._unfit_names(),
            *self._unknown_models(),
            *self._faults_of_tta(),
            *self._unknown_folds(),
            *self._unpinned_folds(),
            *self._unknown_voters(),
            *self._incomplete_systems(),
            *self._missing_thumbnails(),
            *self._without_effect(),
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _unfit_names(self) -> list[str]:
        """Names of models are names of folders, words of commands and parts of DVC's names."""
        return [
            f"models: {name!r} is no name of a model: {NAME_RULE}" for name in self.models if not NAME.fullmatch(name)
        ]

    def _unknown_models(self) -> list[str]:
        named = {"train": self.train.models, "refit": self.refit.models, "pseudo_label": self.pseudo_label.models}
        unknown = [name for name in self.refit.epochs if name not in self.models]
        return [
            *(f"refit.epochs: no model '{name}' under models{did_you_mean(name, self.models)}" for name in unknown),
            *(
                f"{section}.models: {fault}"
                for section, names in named.items()
                for name in names
                for fault in self._faults_of_model(section, name)
            ),
        ]

    def _faults_of_tta(self) -> Iterator[str]:
        for name in self.tta:
            if name not in self.models:
                yield f"tta: no model '{name}' under models{did_you_mean(name, self.models)}"
        for name in self.train.models:
            if name in self.models and name not in self.tta:
                yield f"tta: no entry for '{name}'; write `{name}: {{}}` for the plain image"

    def _faults_of_model(self, section: str, name: str) -> Iterator[str]:
        if name not in self.models:
            yield f"no model '{name}' under models{did_you_mean(name, self.models)}"
        elif name not in self.train.models:
            yield f"'{name}' is not in train.models"
        elif section != "train" and self.models[name].pinned:
            yield f"'{name}' is pinned to a version of the registry, and not trained here"
        elif section == "pseudo_label":
            yield from _pseudo_label_faults(name, self.models[name], self.pseudo_label)
        elif section == "refit" and self.refit.validation and self.models[name].last_epochs_on_validation:
            yield f"'{name}' has last_epochs_on_validation, which would train on the photos of refit.validation"
        elif section == "refit" and self.models[name].progressive_resizing:
            yield from self._faults_of_growing_images(name)

    def _faults_of_growing_images(self, name: str) -> Iterator[str]:
        given, epochs = self.refit.epochs.get(name), self.models[name].epochs
        if given is not None and given < epochs:
            yield f"'{name}' has progressive_resizing over {epochs} epochs, and refit.epochs ends after {given}"

    def _unknown_folds(self) -> list[str]:
        return [
            f"train.folds: {fold} is not one of the folds {', '.join(map(str, self.split.held_out))}"
            for fold in self.train.folds
            if fold not in self.split.held_out
        ]

    def _unpinned_folds(self) -> list[str]:
        return [
            f"models.{name}.pinned: no fold {fold} in {pinned.version}"
            for name, pinned in ((name, self.models[name].pinned) for name in self.train.models if name in self.models)
            if pinned
            for fold in self.train.folds
            if fold not in pinned.folds
        ]

    def _unknown_voters(self) -> list[str]:
        names = sorted({name for system in self.systems for name in system})
        return [f"ensemble.systems: {fault}" for name in names for fault in self._faults_of_voter(name)]

    def _faults_of_voter(self, name: str) -> Iterator[str]:
        model, _, part = name.partition("/")
        has = {
            "": True,
            "folds": True,
            "refit": model in self.refit.models,
            "pseudo_label": model in self.pseudo_label.models,
        }
        if model not in self.train.models:
            yield f"model '{model}' is not in train.models"
        elif part not in has:
            yield f"'{name}' is none of {', '.join(f'{model}/{one}' for one in PARTS)}"
        elif not has[part]:
            yield f"'{name}', but {part}.models does not name {model}"
        elif not part and has["refit"] and has["pseudo_label"]:
            yield f"'{name}' is refitted and pseudo_labelled; write {name}/refit or {name}/pseudo_label"

    def _missing_thumbnails(self) -> list[str]:
        if self.ensemble.people and not self.crop.thumbnail:
            return ["ensemble.people: groups are made of thumbnails; set crop.thumbnail: [16, 12]"]
        return []

    def _without_effect(self) -> Iterator[str]:
        """Settings of predictions that would change nothing."""
        names = {name.partition("/")[0] for system in self.systems for name in system} & set(self.models)
        of_years = [head.of_years for name in names for head in self.models[name].heads.values()]
        if self.ensemble.age_thresholds != "scored" and of_years and not any(of_years):
            yield (
                "ensemble.age_thresholds: no effect, because no model of ensemble.systems predicts years; the bands of "
                "a head of classes are moved by its `bands`, in training"
            )
        for name, tta in self.tta.items():
            if tta.augmented and name in self.models and not self.models[name].augmentation:
                yield f"tta.{name}: augmented {tta.augmented} has no effect, because the model has no augmentation"

    def _incomplete_systems(self) -> list[str]:
        faults = []
        for system in self.systems:
            models = [self.models[name] for name in (name.partition("/")[0] for name in system) if name in self.models]
            covered = _covered(models)
            if self.ensemble.systems == "per_attribute":
                covered = sorted(set(covered))
            if covered != sorted(SCHEMA.names):
                faults.append(
                    f"ensemble.systems: [{', '.join(system)}] predicts {', '.join(covered) or 'nothing'}; "
                    "a system predicts mask, gender and age once each"
                )
        return faults

    @property
    def experiment(self) -> str:
        """Where runs on the data set are tracked: `mask-gender-age-sample` for data/sample."""
        return f"mask-gender-age-{self.data.root.name}"

    @property
    def systems(self) -> tuple[tuple[str, ...], ...]:
        """The lists of `ensemble.systems`; all trained models as one where each is a system for itself."""
        systems = self.ensemble.systems
        return (self.train.models,) if systems == "per_attribute" else systems


def _pseudo_label_faults(name: str, model: ModelConfig, settings: PseudoLabel) -> Iterator[str]:
    """Reasons why a model cannot be trained on pseudo labels of its own predictions."""
    kinds = {head.kind for head in model.heads.values()}
    if settings.targets == "hard" and kinds & {"distribution", "regression"}:
        yield f"'{name}' has a head of years, and pseudo labels are classes"
    if settings.targets == "soft" and kinds & {"ordinal", "regression"}:
        yield f"'{name}' has a head of kind ordinal or regression; soft targets are those of classes and distributions"
    if model.last_epochs_on_validation:
        yield f"'{name}' has last_epochs_on_validation: its pseudo labels would leak labels of the held-out people"
    try:
        student = settings.config(model)
    except ValidationError as error:
        yield from (f"'{name}' has no such student: {describe(fault)}" for fault in error.errors())
        return
    if student.last_epochs_on_validation and not model.last_epochs_on_validation:
        yield f"the student of '{name}' has last_epochs_on_validation, which the stage pseudo_label does not train"
    if model.select != "last" and student.select == "last":
        yield f"'{name}' selects its epoch on the held-out fold, and the metrics of its student would not say so"
    if student.oversample and _covered([model]) != sorted(SCHEMA.names):
        yield f"'{name}' oversamples some of the 18 classes, but its heads predict only some attributes"


def _covered(models: Iterable[ModelConfig]) -> list[str]:
    return sorted(part for model in models for head in model.heads for part in SCHEMA.head(head).names)


def load(path: Path = FILE) -> Params:
    """Read and check a params file; raises `InputError` with a line per wrong key."""
    return parse(read_text(path, "run from the project's root"), str(path))


def parse(text: str, place: str) -> Params:
    """Check the text of a params file; raises `InputError` that names `place`, with a line per wrong key."""
    return check(parse_yaml(text, place), place)


def check(given: Any, place: str) -> Params:
    """Check the content of a params file; raises `InputError` that names `place`, with a line per wrong key."""
    return validated(Params, given, f"{place}: wrong parameters")
