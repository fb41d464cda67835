"""The configuration of one model: backbone, heads, input, training and prediction."""

from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from pipeline.formats.section import Fraction, Section, Seed, with_message
from pipeline.modeling.config.heads import Head, check
from pipeline.modeling.config.optimization import Constant, Optimizer, Schedule
from pipeline.modeling.config.sampling import CutMix, MixUp, Oversample, Sampling, Shuffle

Transform = dict[str, Any]  # {name of a class of albumentations: its arguments}
Select = Literal["last", "macro_f1", "binary_f1", "accuracy", "loss"]  # all but `last` score the held-out fold
Shape = tuple[int, int]  # height and width in pixels

GRANULARITY = 16  # sides of growing images are multiples of it, half the stride of most backbones


class Normalization(Section):
    """Mean and standard deviation of red, green and blue, in 0..1."""

    mean: tuple[Fraction, Fraction, Fraction]
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]


class TTA(Section):
    """Test-time augmentation: a prediction is the mean over variants of an image.

    Attributes:
        clean: Weight of the plain image; every other variant has weight 1.
        augmented: Number of variants with the augmentation of training.
        five_crop: Share of the height and width of five crops (corners and centre); none by default.
        flip: Add the horizontal flip of every variant.
        average: Average probabilities or logits.
    """

    clean: PositiveInt = 1
    augmented: NonNegativeInt = 0
    five_crop: Annotated[float, Field(gt=0, lt=1)] | None = None
    flip: bool = False
    average: Literal["probabilities", "logits"] = "probabilities"


class ProgressiveResizing(Section):
    """Images that grow with the epochs: small ones are quick, and the last epoch has those of prediction.

    Progressive learning as in Tan and Le, EfficientNetV2, 2021, https://arxiv.org/abs/2104.00298, section 4, with the
    same augmentation for every size.

    Attributes:
        start: Height and width of the images of the first epoch, as a share of `image_size`.
        epochs: Share of the epochs in which they grow to `image_size`; the last epoch has it in any case.
    """

    start: Annotated[float, Field(gt=0, lt=1)] = 0.5
    epochs: Annotated[float, Field(gt=0, le=1)] = 0.75

    def shape(self, full: Shape, epoch: int, epochs: int) -> Shape:
        """The shape of the images of an epoch, counted from 0, of so many; sides are rounded up to `GRANULARITY`."""
        grown = min(1, epoch / min(self.epochs * epochs, epochs - 1)) if epochs > 1 else 1
        share = self.start + (1 - self.start) * grown
        height, width = (min(side, GRANULARITY * ceil(share * side / GRANULARITY - 1e-9)) for side in full)
        return height, width


class Pinned(Section):
    """Weights from the model registry in place of a training.

    Attributes:
        version: URI of a registered version, `models:/NAME/NUMBER`.
        folds: SHA-256 of the weights of every fold.
    """

    version: Annotated[str, Field(pattern=r"^models:/[^/@]+/\d+$")]
    folds: Annotated[dict[int, str], Field(min_length=1)]


class ModelConfig(Section):
    """The configuration of a model: with the data, it determines the trained weights.

    Attributes:
        pinned: Weights from the model registry, in place of a training.
        backbone: Name of a timm model, `hf_hub:OWNER/NAME`, or a network for faces: FaceNet's or dlib's.
        backbone_args: Further arguments of `timm.create_model`.
        drop_path: Largest probability with which a training step skips a residual block; the backbone's own by default.
        pooling: Pooling of the backbone's last feature map; the backbone's own by default.
        levels: Feature maps, counted from 0, whose means and deviations the heads get; the last features by default.
        dropout: Probability with which a training step drops a feature before the heads.
        pretrained: Start from published weights.
        weights: File of the published weights, in place of the download.
        heads: Heads by the product of attributes that they predict, such as `gender x age`.
        image_size: Side of the network's square input in pixels, or its height and width.
        progressive_resizing: Images that grow to `image_size` with the epochs; off by default.
        normalize: Mean and standard deviation of the input; `auto` is that of the published weights.
        preprocess: Transforms of every image, in training and prediction.
        augmentation: Transforms of training, and of the augmented variants of `tta`.
        cutmix: Mixing of two images by a box; off by default.
        mixup: Mixing of two images by blending; off by default.
        tta: Test-time augmentation.
        drop_ages: Ranges of ages in years, both ends included, that are not trained on.
        sampling: How an epoch samples images.
        oversample: Copies of rare classes; off by default.
        epochs: Number of epochs.
        frozen_epochs: Number of first epochs in which only the heads learn; of all epochs, for a linear probe.
        last_epochs_on_validation: Number of epochs on the held-out people after that.
        patience: Number of epochs without a better score after which training stops.
        select: Which epoch is kept: the last, or the best by a score of the held-out fold.
        batch_size: Images per step, over all devices.
        accumulate: Number of parts in which a batch is computed.
        clip: Largest norm of the gradient; not clipped by default.
        optimizer: Optimizer and its peak learning rate.
        sam: Radius of sharpness-aware minimisation; off by default.
        schedule: Schedule of the learning rate.
        average_epochs: Number of last epochs whose final weights are averaged; only the last epoch's by default.
        ema: Decay of the exponential moving average of the weights; off by default.
        seed: Seed of weights, sampling, augmentation and mixing.
        threads: Number of torch's CPU threads, on which weights trained on a CPU depend.
        deterministic: Use torch's deterministic algorithms only.
        precision: Full precision, or mixed with bfloat16 or float16.
        channels_last: Memory format of images and weights.
        compile: Train the network through `torch.compile`.
        gradient_checkpointing: Compute activations again in the backward pass, to save memory.
    """

    pinned: Pinned | None = None

    backbone: str
    backbone_args: dict[str, Any] = Field(default_factory=dict)
    drop_path: Annotated[float, Field(ge=0, lt=1)] | None = None
    pooling: Literal["gem"] | None = None
    levels: tuple[NonNegativeInt, ...] = ()
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0
    pretrained: bool = True
    weights: Path | None = None
    heads: Annotated[dict[str, Head], Field(min_length=1)]

    image_size: Annotated[
        PositiveInt | tuple[PositiveInt, PositiveInt],
        with_message("must be a positive number of pixels, or [height, width]"),
    ] = 224
    progressive_resizing: ProgressiveResizing | None = None
    normalize: Annotated[
        Literal["auto", "imagenet", "competition", "half"] | Normalization,
        with_message(
            "must be auto, imagenet, competition, half, or {mean: [r, g, b], std: [r, g, b]} with numbers of 0..1"
        ),
    ] = "auto"
    preprocess: tuple[Transform, ...] = ()
    augmentation: tuple[Transform, ...] = ()
    cutmix: CutMix | None = None
    mixup: MixUp | None = None

    drop_ages: tuple[tuple[PositiveInt, PositiveInt], ...] = ()
    sampling: Sampling = Shuffle()
    oversample: Oversample | None = None

    epochs: PositiveInt
    frozen_epochs: NonNegativeInt = 0
    last_epochs_on_validation: NonNegativeInt = 0
    patience: PositiveInt | None = None
    select: Select = "last"
    batch_size: PositiveInt = 64
    accumulate: PositiveInt = 1
    clip: PositiveFloat | None = None
    optimizer: Optimizer
    sam: PositiveFloat | None = None
    schedule: Schedule = Constant()
    average_epochs: PositiveInt = 1
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
        """Number of epochs of the schedule, with the last ones on the held-out people."""
        return self.epochs + self.last_epochs_on_validation

    @property
    def input_shape(self) -> Shape:
        """Height and width of the network's input in pixels."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size

    def train_shape(self, epoch: int) -> Shape:
        """Height and width in pixels of the training images of an epoch, counted from 0."""
        if self.progressive_resizing is None:
            return self.input_shape
        return self.progressive_resizing.shape(self.input_shape, epoch, self.epochs)

    @property
    def is_probe(self) -> bool:
        """Whether only the heads learn, and every epoch has the same images, so that features are computed once."""
        mixing = (self.cutmix, self.mixup)
        changing = (self.augmentation, *mixing, self.oversample, self.progressive_resizing, self.average_epochs > 1)
        return self.frozen_epochs >= self.total_epochs and not any(changing)

    @field_validator("heads")
    @classmethod
    def _heads_fit_together(cls, heads: dict[str, Head]) -> dict[str, Head]:
        check(heads)
        return heads

    @field_validator("levels")
    @classmethod
    def _levels_rise(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if list(levels) != sorted(set(levels)):
            raise ValueError(f"{list(levels)} do not rise: name every level once, the shallowest first")
        return levels

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
    def _pooling_has_a_map(self) -> Self:
        if self.levels and self.pooling:
            raise ValueError(f"pooling {self.pooling} is of the last feature map; levels pools by mean and deviation")
        return self

    @model_validator(mode="after")
    def _drop_path_is_given_once(self) -> Self:
        if self.drop_path is not None and "drop_path_rate" in self.backbone_args:
            raise ValueError("drop_path and backbone_args.drop_path_rate are the same; leave out one of the two")
        return self

    @model_validator(mode="after")
    def _averages_are_of_the_last_epochs(self) -> Self:
        if self.average_epochs == 1:
            return self
        if self.average_epochs > self.epochs:
            raise ValueError(f"average_epochs {self.average_epochs} is more than epochs {self.epochs}")
        if self.select != "last" or self.patience:
            raise ValueError("average_epochs needs select: last and no patience, because it averages the last epochs")
        if self.ema is not None:
            raise ValueError("average_epochs and ema both average the weights; leave out one of the two")
        return self

    @model_validator(mode="after")
    def _the_kept_epoch_has_the_images_of_prediction(self) -> Self:
        if self.progressive_resizing and (self.select != "last" or self.patience):
            raise ValueError(
                "progressive_resizing needs select: last and no patience, because earlier epochs have smaller images "
                "than those that are predicted"
            )
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
    """Metadata in a weights file.

    Attributes:
        model: Name of the model in params.yaml.
        fold: The fold that was held out; None for a refit.
        epoch: Number of epochs that the weights were trained for.
        config: Configuration of the model.
    """

    model: str
    fold: int | None
    epoch: PositiveInt
    config: ModelConfig
