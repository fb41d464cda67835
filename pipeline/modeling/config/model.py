"""One trained network: a timm backbone, its heads, and all that decides how it is trained and looked through."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from pipeline.formats.section import Fraction, Section, Seed, worded
from pipeline.modeling.config.heads import Head, check
from pipeline.modeling.config.optimization import Constant, Optimizer, Schedule
from pipeline.modeling.config.sampling import CutMix, MixUp, Oversample, Sampling, Shuffle

Transform = dict[str, Any]  # one key, albumentations' own name, over its arguments
Select = Literal["last", "macro_f1", "binary_f1", "accuracy", "loss"]  # all but `last` score the held-out fold


class Normalization(Section):
    """Mean and spread of red, green and blue, in 0..1."""

    mean: tuple[Fraction, Fraction, Fraction]
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]


class TTA(Section):
    """What a trained model looks at to predict a image, in validation and in eval alike; the mean is its answer.

    The image as it is (it counts `clean` times), `augmented` views through the training's augmentation, five crops
    (corners and centre, `five_crop` of the sides), and with `flip` each of these once more as in a mirror.
    """

    clean: PositiveInt = 1
    augmented: NonNegativeInt = 0
    five_crop: Annotated[float, Field(gt=0, lt=1)] | None = None
    flip: bool = False
    average: Literal["probabilities", "logits"] = "probabilities"


class Pinned(Section):
    """Trainings that are fetched from the registry instead of run: a version, and the SHA-256 of each of its folds."""

    version: Annotated[str, Field(pattern=r"^models:/[^/@]+/\d+$")]
    folds: Annotated[dict[int, str], Field(min_length=1)]


class ModelConfig(Section):
    """An config: everything that decides a training, beside the data; docs/models.md tells what each key means."""

    pinned: Pinned | None = None

    backbone: str
    backbone_args: dict[str, Any] = Field(default_factory=dict)
    pretrained: bool = True
    weights: Path | None = None
    heads: Annotated[dict[str, Head], Field(min_length=1)]

    image_size: PositiveInt = 224
    normalize: Annotated[
        Literal["auto", "imagenet", "competition", "half"] | Normalization,
        worded("must be auto, imagenet, competition, half, or {mean: [r, g, b], std: [r, g, b]} with numbers of 0..1"),
    ] = "auto"
    preprocess: tuple[Transform, ...] = ()
    augmentation: tuple[Transform, ...] = ()
    cutmix: CutMix | None = None
    mixup: MixUp | None = None
    tta: TTA = TTA()

    drop_ages: tuple[tuple[PositiveInt, PositiveInt], ...] = ()
    sampling: Sampling = Shuffle()
    oversample: Oversample | None = None

    epochs: PositiveInt
    last_epochs_on_validation: NonNegativeInt = 0
    patience: PositiveInt | None = None
    select: Select = "last"
    batch_size: PositiveInt = 64
    accumulate: PositiveInt = 1
    clip: PositiveFloat | None = None
    optimizer: Optimizer
    schedule: Schedule = Constant()
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    seed: Seed = 777

    threads: PositiveInt = 1
    deterministic: bool = False
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    channels_last: bool = False
    compile: bool = False
    gradient_checkpointing: bool = False

    @property
    def total_epochs(self) -> int:
        """Epochs of the learning rate's course: those that are judged, and the last ones on the validation people."""
        return self.epochs + self.last_epochs_on_validation

    @field_validator("heads")
    @classmethod
    def _heads_fit_together(cls, heads: dict[str, Head]) -> dict[str, Head]:
        check(heads)
        return heads

    @field_validator("drop_ages")
    @classmethod
    def _ages_rise(cls, ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        for youngest, oldest in ranges:
            if youngest > oldest:
                raise ValueError(f"[{youngest}, {oldest}] is no range of ages: [youngest, oldest], both dropped")
        return ranges

    @model_validator(mode="after")
    def _weights_are_read(self) -> Self:
        if self.weights and not self.pretrained:
            raise ValueError(f"weights '{self.weights}' would not be read: set pretrained: true, or leave them out")
        return self

    @model_validator(mode="after")
    def _every_optimizer_has_epochs(self) -> Self:
        ends = [each.until for each in self.optimizer.sequence if each.until is not None]
        if any(end >= self.total_epochs for end in ends):
            raise ValueError(f"optimizer changes after epochs {ends}, and there are {self.total_epochs} in all")
        return self

    @model_validator(mode="after")
    def _patience_has_a_score(self) -> Self:
        if self.patience and self.select == "last":
            raise ValueError(f"patience {self.patience} needs a score: set select to macro_f1, accuracy or loss")
        return self

    @model_validator(mode="after")
    def _binary_f1_is_of_two_classes(self) -> Self:
        if self.select == "binary_f1" and set(self.heads) != {"gender"}:
            raise ValueError(
                f"select binary_f1 is the F1 of the second of two classes, and {', '.join(self.heads)} is not gender"
            )
        return self


class WeightsMetadata(Section):
    """What a weights file holds beside the weights: which model it is and how it came to be.

    `fold` is None for a refit; `epoch` counts the epochs that the kept weights were trained for.
    """

    model: str
    fold: int | None
    epoch: PositiveInt
    config: ModelConfig
