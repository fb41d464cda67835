"""What a run was and how it did, in a few lines of Markdown."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.modeling.config import ModelConfig
from pipeline.schema.schema import SCHEMA


def training(name: str, config: ModelConfig, held_out: str, scores: Mapping[str, float]) -> str:
    """Two lines on a training: its configuration, its held-out fold, and the scores of the kept epoch."""
    weights = "pretrained" if config.pretrained else "from scratch"
    heads = ", ".join(config.heads)
    kept = [key for key in scores if key not in {"epoch", "epoch_selected_on_val"}]
    values = ", ".join(f"{key.replace('_', ' ')} {scores[key]:.3f}" for key in kept)
    selected = scores.get("epoch_selected_on_val")
    caveat = (
        f"\n\nThe held-out fold selected the epoch (best {config.select}): its scores are optimistic."
        if selected
        else ""
    )
    return (
        f"**{name}** predicts {heads} with {config.backbone}, {weights}, from {config.image_size} px; {held_out}.\n\n"
        f"Epoch **{scores['epoch']:.0f}** of {config.epochs} was kept: {values}.{caveat}"
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
