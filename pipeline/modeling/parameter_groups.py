"""Learning rates by layer and for heads: parameter groups with `lr_scale`, a factor of the peak learning rate."""

from typing import Any

from timm.optim import param_groups_layer_decay, param_groups_weight_decay

from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling.config.optimization import Optimizer
from pipeline.modeling.network import Network

Group = dict[str, Any]


def has_factors(settings: Optimizer) -> bool:
    """Whether some weights have another learning rate than others."""
    return settings.layer_decay is not None or settings.head_factor != 1


def by_layer(network: Network, settings: Optimizer) -> list[Group]:
    """The parameter groups of a network.

    With `layer_decay` d the learning rate of a layer is d times that of the next one, and that of the last one is the
    peak: Clark et al., ELECTRA, 2020, https://arxiv.org/abs/2003.10555, section 3.1. timm says which weights form a
    layer.

    Raises:
        ModelConfigError: When timm knows no layers of the backbone.
    """
    backbone, decay = network.backbone, settings.weight_decay
    undecayed: set[str] = getattr(backbone, "no_weight_decay", set)()
    if settings.layer_decay is None:
        layers = param_groups_weight_decay(backbone, decay, no_weight_decay_list=undecayed)
    else:
        layers = param_groups_layer_decay(backbone, decay, undecayed, layer_decay=settings.layer_decay)
        if settings.layer_decay != 1 and len({layer["lr_scale"] for layer in layers}) < 2:
            raise ModelConfigError(
                f"layer_decay {settings.layer_decay:g} has no effect: timm knows no layers of the backbone "
                f"'{network.config.backbone}'"
            )
    heads = param_groups_weight_decay(network.heads, decay)
    return [
        *({"lr_scale": 1.0} | layer for layer in layers),
        *(head | {"lr_scale": settings.head_factor} for head in heads),
    ]
