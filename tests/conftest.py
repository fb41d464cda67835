"""Small real things that tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dvc  # noqa: F401  sets up its logs now: in a test they would go to what captures that test, closed later
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import settings

from pipeline.formats import tables
from pipeline.formats.images import Pixels
from pipeline.foundation import forkserver, processes
from pipeline.modeling.config import ModelConfig
from pipeline.schema import label_table
from pipeline.schema.schema import SCHEMA
from tests.support import packed

pytest_plugins = ["tests.support.browser"]

SIZE = 32
LONGEST = (  # files of tests that take minutes start first, so that no worker waits for another's last file
    "orchestration/kubeflow/test_local.py",
    "experiments/test_runs.py",
    "test_pipeline.py",
    "faults/test_kills.py",
    "experiments/test_search.py",
    "components/test_compilation.py",
    "experiments/test_ablation.py",
    "server/test_mlflow_ui.py",
    "test_machines.py",
    "server/test_tracking_server.py",
    "modeling/test_processes.py",
    "components/test_images.py",
    "registry/serving/test_serving.py",
    "faults/test_tracking_server.py",
)

settings.register_profile("untimed", deadline=None)  # a test is right or wrong, on a slow machine too
settings.load_profile("untimed")
torch.set_num_threads(1)  # tiny networks lose more by waiting for each other's threads than they gain


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; `--no-loadscope-reorder` keeps them there."""
    files = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    assert all(file.exists() for file in files)
    items.sort(key=lambda item: files.get(item.path, len(files)))


@pytest.fixture(scope="session", autouse=True)
def uploads() -> Iterator[None]:
    """Runs have their uploads forked, as in `run`: MLflow is imported once, and not for every run of every test."""
    with forkserver.offered(processes.environment(), processes.OF_UPLOADS):
        yield


@pytest.fixture
def config() -> Callable[..., ModelConfig]:
    """Make an config of a tiny network; keywords replace its settings."""

    def make(**settings: Any) -> ModelConfig:
        return ModelConfig.model_validate(
            {
                "backbone": "test_resnet",
                "pretrained": False,
                "heads": {"mask": {}},
                "image_size": SIZE,
                "normalize": "imagenet",
                "epochs": 3,
                "batch_size": 16,
                "optimizer": {"name": "adamw", "learning_rate": 3e-3},
            }
            | settings
        )

    return make


@pytest.fixture
def trainable(tmp_path: Path) -> Path:
    """A folder with crops/, labels.parquet and folds.parquet of 48 photos whose colour tells every attribute."""
    people = [(mask, gender, age) for mask in range(3) for gender in range(2) for age in (25, 45, 60)] * 3
    rows = np.random.default_rng(0).permutation(len(people))[:48]
    photos = np.stack([_coloured(people[row], int(row)) for row in rows])
    evaluated = pd.DataFrame({"path": [f"{row}.jpg" for row in range(8)]})
    packed.write(tmp_path / "crops", "eval", evaluated, photos[::-1][:8])
    table = pd.DataFrame(
        {
            "path": [f"person{row}/normal.jpg" for row in range(len(rows))],
            "person": [f"person{row}" for row in range(len(rows))],
            "mask": [SCHEMA["mask"].values[people[row][0]] for row in rows],
            "gender": [SCHEMA["gender"].values[people[row][1]] for row in rows],
            "age": [people[row][2] for row in rows],
            "corrected": "",
            "fold": np.arange(len(rows)) % 3,
        }
    )
    packed.write(tmp_path / "crops", "train", table[["path"]], photos)
    tables.write(table[list(label_table.COLUMNS)], tmp_path / "labels.parquet")
    tables.write(table[list(tables.FOLDS)], tmp_path / "folds.parquet")
    return tmp_path


def _coloured(person: tuple[int, int, int], seed: int) -> Pixels:
    mask, gender, age = person
    noise = np.random.default_rng(seed).normal(0, 12, (SIZE, SIZE, 3))
    colour = np.array([60 + 60 * mask, 60 + 120 * gender, 3 * age])
    return np.asarray((noise + colour).clip(0, 255), dtype=np.uint8)
