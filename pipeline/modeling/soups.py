"""Model soups: one network whose weights are the mean of those of several trained networks."""

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import update_bn

from pipeline.foundation.errors import InputError
from pipeline.modeling import weights
from pipeline.modeling.checkpoints import Metrics
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.inference import predict
from pipeline.modeling.network import Network

WHOLE = (0, 1)  # shard of a process that is alone


def uniform(files: Sequence[Path]) -> Network:
    """The network whose weights are the mean of those of some weights files of one configuration.

    Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
    inference time, 2022, https://arxiv.org/abs/2203.05482, section 2. The mean is of use where the networks were tuned
    from the same published weights. Numbers that are not floating-point are those of the first file.

    Raises:
        InputError: When a file cannot be read.
    """
    soup = weights.load(files[0])[0]
    states = [weights.load(file)[0].state_dict() for file in files]
    soup.load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(dim=0) if first.is_floating_point() else first
            for name, first in states[0].items()
        }
    )
    return soup


def measure(network: Network, data: FoldData, config: ModelConfig) -> Metrics:
    """Give batch normalisation the statistics of a soup, and score it on the photos that its parts were trained on.

    The statistics are of one pass over the augmented training photos in their last size, as Izmailov et al. 2018 do for
    averaged weights, https://arxiv.org/abs/1803.05407; the scores are of the plain photos.

    Args:
        network: The soup, which is changed.
        data: The training photos.
        config: The model's configuration.

    Returns:
        Metrics by name, `train_<metric>`.
    """
    fabric = Fabric(accelerator="auto", devices=1, precision=config.precision)
    network.to(fabric.device)
    with torch.no_grad(), fabric.autocast():
        update_bn(data.train_loader(data.training, config, WHOLE).at(config.epochs), network, fabric.device)
    output = predict(network, data.val_loader(data.training, config, WHOLE), config, TTA(), fabric)
    return Criterion(config, data, fabric.device).measure("train", output)


def require_worth(score: float, parts: Sequence[float], model: str) -> None:
    """Raise `InputError` for a soup that is worse than its parts, as networks have whose weights cannot be averaged.

    Args:
        score: Macro F1 of the soup on photos that most of its parts have trained on.
        parts: Macro F1 of each part on people that it has not seen.
        model: Name of the model.
    """
    mean = sum(parts) / len(parts)
    if score < mean:
        raise InputError(
            f"refit.soup: the mean of the weights of '{model}' has a macro F1 of {score:.3f} on photos that its folds "
            f"were trained on, and the folds have {mean:.3f} on people that they have not seen: these networks cannot "
            f"be averaged. Start them from published weights with a lower learning rate, or leave '{model}' out of "
            "refit.soup, to train it on all data, or let its folds vote"
        )
