from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import Model
from pipeline.modeling.network import Network

Make = Callable[..., Model]


def test_every_head_has_the_width_of_its_product(entry: Make) -> None:
    heads: dict[str, object] = {"mask": {}, "gender x age": {}}
    outputs = Network(entry(heads=heads)).eval()(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {"mask": (2, 3), "gender x age": (2, 6)}


def test_the_joint_head_has_18_classes(entry: Make) -> None:
    outputs = Network(entry(heads={"mask x gender x age": {}})).eval()(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    assert outputs["mask x gender x age"].shape == (2, 18)


def test_a_head_of_years_starts_among_ages_that_occur(entry: Make) -> None:
    torch.manual_seed(0)
    heads = {"age": {"kind": "years", "loss": "smooth_l1"}}
    years = Network(entry(heads=heads)).eval()(torch.randint(256, (8, 32, 32, 3), dtype=torch.uint8))["age"]
    assert years.shape == (8,)
    assert ((years > 0) & (years < 90)).all()


@pytest.mark.parametrize(("name", "grey"), [("imagenet", (0.485, 0.456, 0.406)), ("half", (0.5, 0.5, 0.5))])
def test_normalisation_brings_the_mean_picture_to_zero(entry: Make, name: str, grey: tuple[float, ...]) -> None:
    network = Network(entry(normalize=name))
    seen: list[torch.Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.eval()((255 * torch.tensor(grey)).round().to(torch.uint8).expand(1, 32, 32, 3))
    assert seen[0].shape == (1, 3, 32, 32)
    assert seen[0].abs().max() < 0.01


def test_an_unknown_backbone_is_named_with_near_ones(entry: Make) -> None:
    with pytest.raises(InputError, match=r"backbone 'resnet10' is unknown to timm .*; did you mean .*resnet10t"):
        Network(entry(backbone="resnet10"))


def test_pretrained_weights_come_from_a_local_file(entry: Make, tmp_path: Path) -> None:
    file = tmp_path / "backbone.safetensors"
    torch.manual_seed(1)
    source = Network(entry()).backbone
    save_file(source.state_dict(), file)
    loaded = Network(entry(weights=file, pretrained=True), pretrained=True).backbone
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in source.state_dict().items())


def test_a_weights_file_that_is_missing_or_of_another_backbone_is_an_error(entry: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file; name a local"):
        Network(entry(weights=tmp_path / "none.safetensors", pretrained=True), pretrained=True)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="not weights of 'test_resnet'"):
        Network(entry(weights=tmp_path / "other.safetensors", pretrained=True), pretrained=True)


def test_without_network_pretrained_weights_are_an_error_with_both_ways_out(
    entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"'test_resnet' cannot be had.*`weights:`.*`pretrained: false`"):
        Network(entry(), pretrained=True)


def test_normalisation_may_be_given_as_numbers(entry: Make) -> None:
    given = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    torch.manual_seed(0)
    by_name = Network(entry()).eval()
    by_number = Network(entry(normalize=given)).eval()
    by_number.load_state_dict(by_name.state_dict())
    pictures = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(by_name(pictures)["mask"], by_number(pictures)["mask"])


def test_channels_last_is_another_order_in_memory_of_the_same_function(entry: Make) -> None:
    torch.manual_seed(0)
    plain, channels_last = Network(entry()).eval(), Network(entry(channels_last=True)).eval()
    channels_last.load_state_dict(plain.state_dict())
    kernels = [weight for weight in channels_last.backbone.parameters() if weight.ndim == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    pictures = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    torch.testing.assert_close(plain(pictures)["mask"], channels_last(pictures)["mask"])


def test_gradient_checkpointing_computes_a_block_twice_and_the_gradient_is_the_same(entry: Make) -> None:
    calls: list[bool] = []
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = Network(entry(backbone="test_vit", gradient_checkpointing=checkpointing))
        network.backbone.get_submodule("blocks.0").register_forward_pre_hook(partial(note, calls, checkpointing))
        network(torch.ones(2, 160, 160, 3))["mask"].sum().backward()
        gradients.append(network.backbone.get_parameter("patch_embed.proj.weight").grad)
    assert calls == [False, True, True]
    torch.testing.assert_close(gradients[0], gradients[1])


def note(calls: list[bool], call: bool, *_: object) -> None:
    calls.append(call)


def test_a_backbone_without_gradient_checkpointing_is_an_error(entry: Make) -> None:
    with pytest.raises(InputError, match="backbone 'pit_ti_224' has no gradient checkpointing"):
        Network(entry(backbone="pit_ti_224", gradient_checkpointing=True))
