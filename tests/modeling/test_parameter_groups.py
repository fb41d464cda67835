"""parameter_groups: every layer learns as fast as its place in the network says."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import timm
import torch
from lightning_fabric import Fabric

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.optimization import Optimizer
from pipeline.modeling.learner import Learner
from pipeline.modeling.network import Network
from pipeline.modeling.parameter_groups import by_layer

Make = Callable[..., ModelConfig]
VIT = {"backbone": "test_vit", "image_size": 160, "backbone_args": {"depth": 3}}


def found(network: Network, key: str, **settings: Any) -> dict[str, Any]:
    """A value of the parameter group of every weight, by its name."""
    names = {id(weight): name for name, weight in network.named_parameters()}
    groups = by_layer(network, Optimizer(learning_rate=1, **settings))
    return {names[id(weight)]: group[key] for group in groups for weight in group["params"]}


def test_a_layer_learns_slower_by_the_factor_than_the_next_one(config: Make) -> None:
    scales = found(Network(config(**VIT)), "lr_scale", layer_decay=0.5, head_factor=10)
    assert scales["backbone.patch_embed.proj.weight"] == scales["backbone.pos_embed"] == 0.5**3
    assert [scales[f"backbone.blocks.{block}.attn.qkv.weight"] for block in range(3)] == [0.5**2, 0.5, 1]
    assert scales["backbone.norm.weight"] == 1
    assert scales["heads.mask.weight"] == scales["heads.mask.bias"] == 10


def test_heads_alone_may_learn_faster(config: Make) -> None:
    scales = found(Network(config(**VIT)), "lr_scale", head_factor=10)
    assert {scale for name, scale in scales.items() if name.startswith("backbone")} == {1}
    assert {scale for name, scale in scales.items() if name.startswith("heads")} == {10}


@pytest.mark.parametrize("settings", [{"layer_decay": 0.5}, {"head_factor": 2}])
def test_every_weight_is_in_one_group_and_decays_unless_it_is_a_bias_a_norm_or_a_position(
    config: Make, settings: dict[str, Any]
) -> None:
    network = Network(config(**VIT))
    decays = found(network, "weight_decay", weight_decay=0.05, **settings)
    assert set(decays) == {name for name, _ in network.named_parameters()}
    assert sum(len(group["params"]) for group in by_layer(network, Optimizer(learning_rate=1, **settings))) == len(
        decays
    )
    for name, weight in network.named_parameters():
        excluded = weight.ndim <= 1 or name.removeprefix("backbone.") in network.backbone.no_weight_decay()
        assert decays[name] == (0 if excluded else 0.05), name


def test_a_step_is_as_long_as_the_factor_says(config: Make) -> None:
    sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0, "layer_decay": 0.5, "head_factor": 3}
    torch.manual_seed(0)
    learner = Learner.create(config(optimizer=sgd, **VIT, epochs=2), Fabric(accelerator="cpu", devices=1))
    learner.set_learning_rate(0, [])
    before = {name: weight.detach().clone() for name, weight in learner.network.named_parameters()}
    for weight in learner.network.parameters():
        weight.grad = torch.ones_like(weight)
    learner.step(1)
    moved = {
        name: float((before[name] - weight.detach()).mean()) for name, weight in learner.network.named_parameters()
    }
    assert moved["backbone.blocks.0.attn.qkv.weight"] == pytest.approx(0.1 * 0.5**2, rel=1e-4)
    assert moved["heads.mask.weight"] == pytest.approx(0.3, rel=1e-4)
    assert learner.learning_rate == pytest.approx(0.1)


def test_a_backbone_without_layers_has_no_rates_by_layer(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(config())
    monkeypatch.delattr(type(network.backbone), "group_matcher")
    network.backbone.pretrained_cfg = {}
    with pytest.raises(
        InputError, match=r"layer_decay 0\.5 has no effect: timm knows no layers of the backbone 'test_r"
    ):
        by_layer(network, Optimizer(learning_rate=1, layer_decay=0.5))


def stages(scales: Sequence[float]) -> list[float]:
    return sorted(set(scales))


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "convnext_atto"])
def test_convolutional_backbones_have_layers_too(config: Make, backbone: str) -> None:
    assert timm.is_model(backbone)
    scales = found(Network(config(backbone=backbone, image_size=64)), "lr_scale", layer_decay=0.9)
    rates = stages(list(scales.values()))
    assert rates == pytest.approx([0.9**step for step in range(len(rates))][::-1])
    assert len(rates) > 5
