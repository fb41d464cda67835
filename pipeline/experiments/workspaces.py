"""Workspaces of experiments: folders in which the project's own graph runs through DVC, with the project's cache."""

import json
import os
import shutil
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.formats.documents import read_text
from pipeline.foundation.files import write_text

CODE = ("pipeline", "fixes", "dvc.yaml", ".dvcignore")
BEFORE_TRAINING = ("relabel", "crop", "pack", "split")  # stages; their sections of params have the same names
TARGET = "submit"
PARAMS = "params.yaml"
CONFIG = """\
[core]
    no_scm = true
    analytics = false
    check_update = false
[cache]
    dir = {cache}
    type = "reflink,symlink,copy"
"""


def prepare(folder: Path, settings: Mapping[str, Any], root: Path) -> None:
    """Bring a folder's code, parameters and DVC settings up to date.

    The DVC cache is that of the project, so that a stage that has run in another workspace does not run again, and
    its outputs are links into the cache.

    Args:
        folder: The workspace, which may be new. Checkpoints in it are kept, and results unless parameters differ.
        settings: The parameters, in the layout of a params file.
        root: The data set.
    """
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    for name in CODE:
        _replace(Path(name), folder / name)
    if not is_prepared(folder, settings, root):
        shutil.rmtree(folder / "results", ignore_errors=True)  # of other parameters; DVC's cache keeps them
        write_text(folder / PARAMS, _params(folder, settings, root))
    cache = _from(folder / ".dvc", Path(".dvc/cache"))
    write_text(folder / ".dvc" / "config", CONFIG.format(cache=cache))


def is_prepared(folder: Path, settings: Mapping[str, Any], root: Path) -> bool:
    """Whether the folder has these parameters already."""
    return (folder / PARAMS).exists() and read_text(folder / PARAMS, "") == _params(folder, settings, root)


def before_training(settings: Mapping[str, Any]) -> str:
    """What crops and folds depend on, as a text: workspaces of equal ones share them."""
    return json.dumps([settings[name] for name in BEFORE_TRAINING if name in settings])


def _params(folder: Path, settings: Mapping[str, Any], root: Path) -> str:
    """The text of the workspace's params file."""
    models = {name: _with_weights_from(folder, config) for name, config in settings["models"].items()}
    text = StringIO()
    YAML().dump({**settings, "models": models, "data": {"root": _from(folder, root)}}, text)
    return text.getvalue()


def _from(folder: Path, path: Path) -> str:
    """A path as it is written in a file of the folder."""
    return os.path.relpath(path.resolve(), folder.resolve())


def _with_weights_from(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    weights = config.get("weights")
    return {**config, "weights": _from(folder, Path(weights)) if weights else None}


def _replace(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
