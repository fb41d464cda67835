"""Parameters of the stages train, refit and pseudo_label: the models that they train."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, field_validator, model_validator

from pipeline.formats.section import Fraction, Section, distinct
from pipeline.modeling.config.model import ModelConfig

Models = Annotated[tuple[str, ...], AfterValidator(distinct)]


class Train(Section):
    """Parameters of the stage `train`.

    Attributes:
        models: Names of the models to train.
        folds: Folds to hold out, one training each.
    """

    models: Annotated[Models, Field(min_length=1)]
    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(distinct)]


class Refit(Section):
    """Parameters of the stage `refit`.

    Attributes:
        models: Names of the models to train on all data.
        epochs: Number of epochs by model; without one, the mean of the epochs that the model's folds kept.
        validation: Share of the photos of each class that is held out and scored after every epoch, by default none.
            People are on both sides, so these scores are too high; they select nothing.
        soup: Those of the models that are not trained again: their weights are the mean of those of their folds.
    """

    models: Models = ()
    epochs: dict[str, PositiveInt] = Field(default_factory=dict)
    validation: Annotated[float, Field(gt=0, lt=1)] | None = None
    soup: Models = ()

    @model_validator(mode="after")
    def _keys_are_written(self) -> Self:
        if self.models and "epochs" not in self.model_fields_set:  # DVC refuses a parameter that is not in the file
            raise ValueError("epochs is missing: write `epochs: {}` for the mean of the epochs that the folds kept")
        if self.models and "validation" not in self.model_fields_set:
            raise ValueError("validation is missing: write `validation: null` to train on all photos")
        if self.models and "soup" not in self.model_fields_set:
            raise ValueError("soup is missing: write `soup: []` to train all models on all data")
        return self

    @model_validator(mode="after")
    def _soups_are_not_trained(self) -> Self:
        for name in self.soup:
            if name not in self.models:
                raise ValueError(f"soup names '{name}', which models does not")
            if name in self.epochs:
                raise ValueError(f"epochs.{name} has no effect: a soup is not trained")
        if self.soup and self.validation is not None and set(self.soup) == set(self.models):
            raise ValueError("validation has no effect: a soup holds out no photos")
        return self


class PseudoLabel(Section):
    """Parameters of the stage `pseudo_label`.

    Attributes:
        models: Names of the models to train again, with pseudo labels of eval photos.
        share: Share of the eval photos of each predicted class, the most probable, that get a pseudo label.
        weight: Weight of a pseudo label in the loss; that of a label is 1.
        targets: What a pseudo label is: `hard`, the likeliest class, or `soft`, the probabilities of all.
        student: Settings in which the second training differs from the first, such as a smaller backbone: distillation.
    """

    models: Models = ()
    share: Fraction = 0.5
    weight: PositiveFloat = 0.5
    targets: Literal["hard", "soft"] = "hard"
    student: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _keys_are_written(self) -> Self:
        missing = [key for key in ("targets", "student") if self.models and key not in self.model_fields_set]
        if missing:  # DVC refuses a parameter that is not in the file
            raise ValueError(f"{' and '.join(missing)} missing: write `targets: hard` and `student: {{}}`")
        return self

    @field_validator("student")
    @classmethod
    def _student_predicts_the_same(cls, student: dict[str, Any]) -> dict[str, Any]:
        if fixed := {"heads", "pinned"} & student.keys():
            raise ValueError(f"the student has the {', '.join(sorted(fixed))} of its teacher; leave the key out")
        return student

    def config(self, teacher: ModelConfig) -> ModelConfig:
        """The configuration of the second training of a model; raises `ValidationError` where `student` is wrong."""
        return ModelConfig.model_validate(teacher.model_dump() | self.student)
