"""soups: the mean of the weights of networks, its batch statistics, and networks that cannot be averaged."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from pipeline.foundation.errors import InputError
from pipeline.modeling import soups, weights
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.members import Member
from pipeline.modeling.network import Network
from pipeline.modeling.training import Inputs
from pipeline.stages.refit import soup
from pipeline.stages.train import train

Make = Callable[..., ModelConfig]


def saved(path: Path, network: Network) -> Path:
    weights.save(path, network.state_dict(), WeightsMetadata(model="mask", fold=0, epoch=1, config=network.config))
    return path


def random(config: ModelConfig, seed: int) -> Network:
    torch.manual_seed(seed)
    return Network(config)


def test_every_weight_is_the_mean_of_the_parts(config: Make, tmp_path: Path) -> None:
    parts = [random(config(), seed) for seed in (1, 2, 3)]
    found = soups.uniform([saved(tmp_path / f"{number}", part) for number, part in enumerate(parts)]).state_dict()
    for name, tensor in found.items():
        states = torch.stack([part.state_dict()[name] for part in parts])
        expected = states.mean(dim=0) if states.is_floating_point() else states[0]
        torch.testing.assert_close(tensor, expected)


def test_a_soup_of_equal_networks_is_that_network(config: Make, tmp_path: Path) -> None:
    network = random(config(), 1)
    found = soups.uniform([saved(tmp_path / name, network) for name in "ab"])
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor)


@pytest.mark.parametrize(("score", "parts"), [(0.5, [0.5, 0.5]), (0.9, [0.3, 0.8])])
def test_a_soup_no_worse_than_its_parts_is_taken(score: float, parts: list[float]) -> None:
    soups.require_worth(score, parts, "face")


def test_a_soup_worse_than_its_parts_is_refused() -> None:
    with pytest.raises(InputError, match=r"'face' has a macro F1 of 0\.400 .* the folds have 0\.500 .* refit\.soup"):
        soups.require_worth(0.4, [0.3, 0.7], "face")


def quiet(epoch: int, metrics: object) -> None:
    """Say nothing."""


def inputs(folder: Path, folds: bool) -> Inputs:
    named = folder / "folds.parquet" if folds else None
    return Inputs(folder / "crops", folder / "labels.parquet", named, folder / "checkpoint.pt")


def test_the_refit_of_a_soup_has_the_mean_of_the_folds_and_batch_statistics_of_all_photos(
    config: Make, trainable: Path
) -> None:
    models, settings = trainable / "models", config(heads={"gender": {}}, epochs=1)
    for fold in (0, 1):
        train(inputs(trainable, True), "face", fold, settings, Member(models, "face", fold).folder, quiet)
    logged: list[int] = []
    made = (inputs(trainable, False), "face", settings, models, (0, 1))
    soup(*made, trainable / "out", lambda epoch, _: logged.append(epoch))
    soup(*made, trainable / "again", quiet)
    one = (trainable / "out" / "weights.safetensors").read_bytes()
    assert one == (trainable / "again" / "weights.safetensors").read_bytes()

    network, metadata = weights.load(trainable / "out" / "weights.safetensors")
    assert (metadata.model, metadata.fold, metadata.epoch) == ("face", None, 1)
    mean = soups.uniform([Member(models, "face", fold).weights for fold in (0, 1)]).state_dict()
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, mean[name])}
    assert moved
    assert all(name.endswith(("running_mean", "running_var", "num_batches_tracked")) for name in moved)
    (row,) = pd.read_csv(trainable / "out" / "epochs.csv").to_dict("records")
    assert row["epoch"] == 1
    assert 0 <= row["train_macro_f1"] <= 1
    assert logged == [0]
