"""A tiny project in which experiments run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample
from tests.support.workspace import PARAMS, copy

TINY: dict[str, Any] = PARAMS | {
    "train": {"models": ["face"], "folds": [0, 1]},
    "refit": {"models": [], "epochs": {}},
    "pseudo_label": {"models": [], "share": 0.5, "weight": 0.5},
    "crop": {"size": 32, "shards": [0], "method": "center"},
    "models": {
        "face": PARAMS["models"]["face"] | {"heads": {"mask x gender x age": {}}, "image_size": 32, "epochs": 1}
    },
    "tta": {"face": {}},
    "ensemble": {"systems": [["face"]]},
}


@contextmanager
def tiny_project(folder: Path, experiment: str) -> Iterator[Path]:
    """A copy of the project in `folder` with a tiny data set, as working directory, tracked in its own database."""
    root = copy(folder, "recipes")
    sample(root / "photos", Sample(people=24, eval_people=4, seed=1))
    YAML().dump(TINY, root / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        patch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
        patch.setenv("PIPELINE_RUN", "of no test")  # so that it is put back, whatever a command sets
        patch.delenv("PIPELINE_RUN")
        yield root
