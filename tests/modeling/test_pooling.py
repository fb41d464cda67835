"""pooling: generalized means between the mean and the maximum of a feature map; levels: statistics of several maps."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.network import Network
from pipeline.modeling.pooling import GeneralizedMean, statistics

Make = Callable[..., ModelConfig]
FEATURES = torch.rand(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))


def pooled(exponent: float, features: torch.Tensor = FEATURES) -> torch.Tensor:
    pool = GeneralizedMean((2, 3), flatten=True)
    torch.nn.init.constant_(pool.exponent, exponent)
    found: torch.Tensor = pool(features)
    return found.detach()


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0, 4.5])
def test_it_is_the_root_of_the_mean_power(exponent: float) -> None:
    expected = torch.linalg.vector_norm(FEATURES.flatten(2), exponent, dim=2) / 12 ** (1 / exponent)
    torch.testing.assert_close(pooled(exponent), expected)


def test_it_lies_between_the_mean_and_the_maximum() -> None:
    torch.testing.assert_close(pooled(1), FEATURES.mean((2, 3)))
    torch.testing.assert_close(pooled(200), FEATURES.amax((2, 3)), rtol=0.02, atol=0)


def test_negative_features_count_as_none() -> None:
    torch.testing.assert_close(pooled(3, -FEATURES), torch.full((2, 5), 1e-6))


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "test_convnext", "mobilenetv3_small_050"])
def test_a_backbone_that_pools_a_feature_map_learns_the_exponent(config: Make, backbone: str) -> None:
    images = torch.randint(256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = Network(config(backbone=backbone, pooling="gem", image_size=64)).eval()
    network(images)["mask"].sum().backward()
    (exponent,) = [weight for name, weight in network.named_parameters() if name.endswith("exponent")]
    assert exponent.item() == 3
    assert exponent.grad is not None
    assert exponent.grad.abs() > 0


def test_channels_last_are_pooled_over_their_places(config: Make) -> None:
    network = Network(
        config(backbone="swin_tiny_patch4_window7_224", pooling="gem", image_size=64, backbone_args=SMALL)
    )
    (pool,) = [module for module in network.modules() if isinstance(module, GeneralizedMean)]
    torch.testing.assert_close(pool(FEATURES.permute(0, 2, 3, 1)), pooled(3))


SMALL = {"depths": [1, 1], "num_heads": [1, 1], "embed_dim": 8, "window_size": 4}


def test_published_weights_are_loaded_before_the_pooling_is_replaced(config: Make, tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = Network(config()).backbone.state_dict()
    save_file(source, tmp_path / "weights.safetensors")
    settings = config(weights=tmp_path / "weights.safetensors", pretrained=True, pooling="gem")
    loaded = Network(settings, pretrained=True).backbone.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in source.items())
    assert set(loaded) - set(source) == {"global_pool.exponent"}


def test_a_backbone_of_tokens_has_no_such_pooling(config: Make) -> None:
    with pytest.raises(InputError, match="backbone 'test_vit' pools no feature map, so pooling gem has no effect"):
        Network(config(backbone="test_vit", image_size=160, pooling="gem"))


class Maps:
    """A backbone whose feature maps are given."""

    def __init__(self, *maps: torch.Tensor) -> None:
        self.maps = maps

    def forward_intermediates(self, _: torch.Tensor, indices: list[int], **options: bool) -> list[torch.Tensor]:
        assert options == {"intermediates_only": True, "stop_early": True}
        return [self.maps[index] for index in indices]


def test_levels_give_the_mean_and_the_deviation_of_every_channel() -> None:
    small = torch.rand(2, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    found = statistics(Maps(small, FEATURES), torch.zeros(2, 3, 8, 8), [0, 1])
    parts = torch.split(found, [3, 3, 5, 5], dim=1)
    torch.testing.assert_close(parts[0], small.flatten(1))
    torch.testing.assert_close(parts[1], torch.zeros(2, 3), rtol=0, atol=0.004)
    torch.testing.assert_close(parts[2], FEATURES.mean((2, 3)))
    torch.testing.assert_close(parts[3], FEATURES.flatten(2).std(2, correction=0), rtol=1e-3, atol=1e-3)


def test_a_map_that_is_the_same_everywhere_has_a_gradient() -> None:
    flat = torch.ones(2, 3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(statistics(Maps(flat), torch.zeros(2, 3, 8, 8), [0]).sum(), flat)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit"])
def test_heads_get_several_levels_of_any_backbone_standardised(config: Make, backbone: str) -> None:
    published = timm.create_model(backbone).feature_info  # timm's own account of its maps
    width = 2 * (published[1]["num_chs"] + published[2]["num_chs"])
    side = 160 if backbone == "test_vit" else 64
    network = Network(config(backbone=backbone, levels=[1, 2], image_size=side, heads={"mask": {}}))
    images = torch.randint(256, (8, side, side, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    features = network.features(images)
    assert features.shape == (8, width)
    standardized = network.standardize(features)
    torch.testing.assert_close(standardized.mean(0), torch.zeros(width), rtol=0, atol=1e-3)
    network(images)["mask"].sum().backward()
    assert all(weight.grad is not None for name, weight in network.named_parameters() if name.startswith("heads"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "test_resnet", "levels": [3, 5]}, r"levels \[3, 5\]: .*has 5, counted from 0 to 4"),
        ({"backbone": "inception_resnet_v1.vggface2", "levels": [0], "image_size": 80}, "so it has no levels"),
    ],
)
def test_levels_that_a_backbone_lacks_are_an_error(config: Make, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ModelConfigError, match=message):
        Network(config(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": [2, 1]}, r"\[2, 1\] do not rise"),
        ({"levels": [1, 1]}, r"\[1, 1\] do not rise"),
        ({"levels": [1], "pooling": "gem"}, "pooling gem is of the last feature map"),
    ],
)
def test_levels_that_say_nothing_are_an_error(config: Make, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**settings)
