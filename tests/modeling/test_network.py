from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from timm.layers import DropPath

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.network import Network

Make = Callable[..., ModelConfig]


def test_every_head_has_the_width_of_its_product(config: Make) -> None:
    heads: dict[str, object] = {"mask": {}, "gender x age": {}}
    outputs = Network(config(heads=heads)).eval()(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {"mask": (2, 3), "gender x age": (2, 6)}


def test_the_joint_head_has_18_classes(config: Make) -> None:
    outputs = Network(config(heads={"mask x gender x age": {}})).eval()(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    assert outputs["mask x gender x age"].shape == (2, 18)


def test_a_head_of_years_starts_among_ages_that_occur(config: Make) -> None:
    torch.manual_seed(0)
    heads = {"age": {"kind": "regression", "loss": "smooth_l1"}}
    years = Network(config(heads=heads)).eval()(torch.randint(256, (8, 32, 32, 3), dtype=torch.uint8))["age"]
    assert years.shape == (8,)
    assert ((years > 0) & (years < 90)).all()


@pytest.mark.parametrize(("name", "grey"), [("imagenet", (0.485, 0.456, 0.406)), ("half", (0.5, 0.5, 0.5))])
def test_normalisation_brings_the_mean_image_to_zero(config: Make, name: str, grey: tuple[float, ...]) -> None:
    network = Network(config(normalize=name))
    seen: list[torch.Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.eval()((255 * torch.tensor(grey)).round().to(torch.uint8).expand(1, 32, 32, 3))
    assert seen[0].shape == (1, 3, 32, 32)
    assert seen[0].abs().max() < 0.01


def test_an_unknown_backbone_is_named_with_near_ones(config: Make) -> None:
    with pytest.raises(InputError, match=r"backbone 'resnet10' is unknown to timm .*; did you mean .*resnet10t"):
        Network(config(backbone="resnet10"))


def test_pretrained_weights_come_from_a_local_file(config: Make, tmp_path: Path) -> None:
    file = tmp_path / "backbone.safetensors"
    torch.manual_seed(1)
    source = Network(config()).backbone
    save_file(source.state_dict(), file)
    loaded = Network(config(weights=file, pretrained=True), pretrained=True).backbone
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in source.state_dict().items())


def test_a_weights_file_that_is_missing_or_of_another_backbone_is_an_error(config: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file; name a local"):
        Network(config(weights=tmp_path / "none.safetensors", pretrained=True), pretrained=True)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="not weights of 'test_resnet'"):
        Network(config(weights=tmp_path / "other.safetensors", pretrained=True), pretrained=True)


def test_without_network_pretrained_weights_are_an_error_with_both_ways_out(
    config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"'test_resnet' cannot be downloaded.*`weights:`.*`pretrained: false`"):
        Network(config(), pretrained=True)


def test_normalisation_may_be_given_as_numbers(config: Make) -> None:
    given = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    torch.manual_seed(0)
    by_name = Network(config()).eval()
    by_number = Network(config(normalize=given)).eval()
    by_number.load_state_dict(by_name.state_dict())
    images = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(by_name(images)["mask"], by_number(images)["mask"])


def test_channels_last_is_another_order_in_memory_of_the_same_function(config: Make) -> None:
    torch.manual_seed(0)
    plain, channels_last = Network(config()).eval(), Network(config(channels_last=True)).eval()
    channels_last.load_state_dict(plain.state_dict())
    kernels = [weight for weight in channels_last.backbone.parameters() if weight.ndim == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    images = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    torch.testing.assert_close(plain(images)["mask"], channels_last(images)["mask"])


def test_gradient_checkpointing_computes_a_block_twice_and_the_gradient_is_the_same(config: Make) -> None:
    calls: list[bool] = []
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = Network(config(backbone="test_vit", gradient_checkpointing=checkpointing))
        network.backbone.get_submodule("blocks.0").register_forward_pre_hook(partial(note, calls, checkpointing))
        network(torch.ones(2, 160, 160, 3))["mask"].sum().backward()
        gradients.append(network.backbone.get_parameter("patch_embed.proj.weight").grad)
    assert calls == [False, True, True]
    torch.testing.assert_close(gradients[0], gradients[1])


def note(calls: list[bool], call: bool, *_: object) -> None:
    calls.append(call)


def test_a_backbone_without_gradient_checkpointing_is_an_error(config: Make) -> None:
    with pytest.raises(InputError, match="backbone 'pit_ti_224' has no gradient checkpointing"):
        Network(config(backbone="pit_ti_224", gradient_checkpointing=True))


def test_dropout_drops_features_before_the_heads_in_training_alone(config: Make) -> None:
    network = Network(config(dropout=0.5))
    seen: list[torch.Tensor] = []
    network.heads["mask"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.rand(64, 96) + 1
    network.backbone.forward = lambda _: features
    images = torch.zeros(64, 32, 32, 3)
    network.train()(images)
    network.eval()(images)
    kept = seen[0] != 0
    assert 0.4 < kept.float().mean() < 0.6
    torch.testing.assert_close(seen[0][kept], 2 * features[kept])
    assert torch.equal(seen[1], features)


def test_drop_path_is_that_of_the_backbone_rising_to_the_last_block(config: Make) -> None:
    network = Network(config(backbone="test_convnext", drop_path=0.3))
    rates = [module.drop_prob for module in network.backbone.modules() if isinstance(module, DropPath)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.3)


def test_a_backbone_without_residual_blocks_has_no_drop_path(config: Make) -> None:
    with pytest.raises(
        InputError, match=r"'vgg11' does not work with image_size 32 and drop_path 0.3: .*drop_path_rate"
    ):
        Network(config(backbone="vgg11", drop_path=0.3))
