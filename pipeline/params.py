"""params.yaml as frozen types: its only reader. A section per stage, an entry per model."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.entries import Model, Section, attributes
from pipeline.errors import InputError, raise_faults
from pipeline.labels import ATTRIBUTES

FILE = Path("params.yaml")
FixFault = Literal["unmatched", "ambiguous", "different", "already", "conflicting"]


class Data(Section):
    """The data set: a folder with train/ and eval/."""

    root: Path


class Sample(Section):
    """The drawn data set."""

    people: Annotated[int, Field(ge=24)] = 90
    eval_people: PositiveInt = 30
    seed: int = 777


class Relabel(Section):
    """Corrections of labels: files of fixes/, and the kinds of mismatch that are tolerated."""

    fixes: tuple[str, ...] = ()
    allow: tuple[FixFault, ...] = ()


class Grow(Section):
    """How far a face's box grows on each side: pixels, or fractions of the box's width and height."""

    x: NonNegativeFloat = 20
    y: NonNegativeFloat = 30
    unit: Literal["pixels", "fraction"] = "pixels"


class Crop(Section):
    """From a photograph to the picture that models see; one setting for train and eval."""

    method: Literal["mtcnn", "center", "none"] = "mtcnn"
    grow: Grow = Grow()
    square: bool = False
    center: PositiveInt = 300
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 224

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a crop in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


class Split(Section):
    """Folds."""

    by: Literal["person", "picture"] = "person"
    folds: Annotated[int, Field(ge=2)] = 5
    seed: int = 777


class Train(Section):
    """Which models are trained, and on which folds."""

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    folds: Annotated[tuple[int, ...], Field(min_length=1)]


class Refit(Section):
    """Which models are trained once more on everybody, for the number of epochs that the folds found best."""

    models: tuple[str, ...] = ()


class Ensemble(Section):
    """How members become one answer: each system is a list of models that together predict all attributes."""

    systems: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)]
    flip: bool = False


class Params(Section):
    """The whole of params.yaml."""

    data: Data
    sample: Sample = Sample()
    relabel: Relabel = Relabel()
    crop: Crop = Crop()
    split: Split = Split()
    train: Train
    refit: Refit = Refit()
    models: dict[str, Model]
    ensemble: Ensemble

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        faults = [*self._unknown_models(), *self._unknown_folds(), *self._incomplete_systems()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _unknown_models(self) -> list[str]:
        named = {"train.models": self.train.models, "refit.models": self.refit.models}
        faults = [
            f"{key}: no model '{name}' under models"
            for key, names in named.items()
            for name in names
            if name not in self.models
        ]
        used = {name for system in self.ensemble.systems for name in system}
        return faults + [
            f"ensemble.systems: model '{name}' is not in train.models" for name in sorted(used - set(self.train.models))
        ]

    def _unknown_folds(self) -> list[str]:
        return [
            f"train.folds: {fold} is not one of the {self.split.folds} folds 0..{self.split.folds - 1}"
            for fold in self.train.folds
            if not 0 <= fold < self.split.folds
        ]

    def _incomplete_systems(self) -> list[str]:
        faults = []
        for system in self.ensemble.systems:
            heads = [head for name in system if name in self.models for head in self.models[name].heads]
            covered = sorted(attribute for head in heads for attribute in attributes(head))
            if covered != sorted(ATTRIBUTES):
                faults.append(
                    f"ensemble.systems: [{', '.join(system)}] predicts {', '.join(covered) or 'nothing'}; "
                    "a system predicts mask, gender and age once each"
                )
        return faults


def load(path: Path = FILE) -> Params:
    """Read and check a params file; raises `InputError` with a line per wrong key."""
    try:
        text = path.read_text(encoding="utf-8")
        return Params.model_validate(YAML(typ="safe").load(text))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the project's root") from None
    except YAMLError as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        raise_faults(f"{path}: wrong parameters", [_describe(fault) for fault in error.errors()])
        raise


def _describe(fault: Any) -> str:
    key = ".".join(map(str, fault["loc"]))
    message = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    given = "" if fault["type"] in ("missing", "extra_forbidden") or not key else f" (given: {fault['input']!r})"
    return ": ".join(filter(None, [key, message + given]))
