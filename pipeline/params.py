"""params.yaml as frozen types: its only reader. A section per stage, an entry per model."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.entries import Model, Section, attributes
from pipeline.errors import InputError, raise_faults
from pipeline.labels import ATTRIBUTES

FILE = Path("params.yaml")
WORDING = {  # pydantic's words to those of someone who edits a YAML file
    "^Value error, ": "",
    "^Field required": "is missing",
    "^Extra inputs are not permitted": "unknown key",
    "^Input should be": "must be",
    "^(Tuple|Dictionary) should have (.*) after validation.*": r"must have \2",
    "^Input tag (.*) found using 'name' does not match any of the expected tags:": r"\1 is none of",
    "a valid tuple": "a list",
    "a valid dictionary( or instance of .*)?": "a mapping",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    ", (unable to parse|got a number) .*": "",
}
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

    @field_validator("size", mode="wrap")
    @classmethod
    def _number_or_pair(cls, size: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(size)
        except ValidationError:
            raise ValueError("must be a positive number of pixels, or [height, width]") from None

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


class Params(Section):
    """The whole of params.yaml."""

    data: Data
    sample: Sample
    relabel: Relabel
    crop: Crop
    split: Split
    train: Train
    refit: Refit
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
            f"{key}: no model '{name}' under models{_nearest(name, self.models)}"
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
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}, line {line}: not YAML: {error.problem}") from None
    except YAMLError as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        raise_faults(f"{path}: wrong parameters", [_describe(fault) for fault in error.errors()])
        raise


def _describe(fault: Any) -> str:
    message, given = fault["msg"], fault["input"]
    for theirs, ours in WORDING.items():
        message = re.sub(theirs, ours, message)
    if fault["type"] == "extra_forbidden":
        message += _nearest(fault["loc"][-1], {key for part in Section.__subclasses__() for key in part.model_fields})
    elif not isinstance(given, dict) and fault["type"] != "missing":
        message += f" (given: {given!r})"
    return ": ".join(filter(None, [".".join(map(str, fault["loc"])), message]))


def _nearest(word: str, words: Iterable[str]) -> str:
    """Whom the writer of a misspelt word may have meant."""
    near = get_close_matches(word, sorted(set(words) - {word}), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
