from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.foundation.errors import InputError
from pipeline.modeling import weights
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.network import Network

Make = Callable[..., ModelConfig]


def test_weights_come_back_with_their_recipe_and_the_same_bytes(config: Make, tmp_path: Path) -> None:
    recipe = WeightsMetadata(
        model="both", fold=1, epoch=2, config=config(heads={"mask": {}, "gender x age": {"loss": "focal"}})
    )
    torch.manual_seed(0)
    network = Network(recipe.config).eval()
    for name in ("a", "b"):
        weights.save(tmp_path / name, network.state_dict(), recipe)
    loaded, found = weights.load(tmp_path / "a")
    images = torch.randint(256, (4, 32, 32, 3), dtype=torch.uint8)
    assert found == recipe
    assert all(torch.equal(output, loaded(images)[head]) for head, output in network(images).items())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_is_missing_or_has_no_metadata_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weights; run `dvc repro`"):
        weights.load(tmp_path / "none")
    save_file({"x": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(InputError, match="other: not weights of this pipeline"):
        weights.load(tmp_path / "other")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="text: not weights of this pipeline"):
        weights.load(tmp_path / "text")
