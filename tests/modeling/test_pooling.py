"""pooling: generalized means between the mean and the maximum of a feature map."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.network import Network
from pipeline.modeling.pooling import GeneralizedMean

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
