"""What a run was and how it did, in a few lines of Markdown."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.modeling.config import ModelConfig
from pipeline.schema.schema import SCHEMA


def training(name: str, config: ModelConfig, held_out: str, scores: Mapping[str, float]) -> str:
    """Two lines on a training: the config, whom it held out, and the scores of the epoch that was kept."""
    weights = "pretrained" if config.pretrained else "from scratch"
    heads = ", ".join(config.heads)
    told = ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in scores.items() if key != "epoch")
    return (
        f"**{name}** predicts {heads} with {config.backbone}, {weights}, from {config.image_size} px; {held_out}.\n\n"
        f"Epoch **{scores['epoch']:.0f}** of {config.epochs} was kept: {told}."
    )


def ensemble(scores: Mapping[str, float], members: Mapping[str, str], results: Path) -> str:
    """Two lines on an ensemble: its members with links to their runs, its scores, and its weakest class."""
    links = ", ".join(f"[{name}](sha256:{digest})" for name, digest in members.items())
    parts = ", ".join(f"{name} {scores[f'{name}_macro_f1']:.3f}" for name in SCHEMA.names)
    classes = pd.read_csv(results / "classes.csv")
    weakest = classes[classes["support"] > 0].sort_values("f1", kind="stable").iloc[0]
    return (
        f"The answer of {len(members)} trainings: {links}.\n\n"
        f"Out of fold, on {scores['photos']:,.0f} photos: macro F1 **{scores['macro_f1']:.3f}**, "
        f"accuracy {scores['accuracy']:.3f}; macro F1 of {parts}; "
        f"weakest class: {weakest['class']} ({weakest['f1']:.3f})."
    )
