"""The dry run of all models before the first stage, remembered by parameters and code."""

import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pipeline.config.params import FILE, Params
from pipeline.foundation.code import fingerprint
from pipeline.foundation.errors import raise_faults
from pipeline.foundation.files import write_text
from pipeline.modeling.config import ModelConfig

CODE = Path("pipeline", "modeling", "sanity_check.py")
PASSED = Path(".dvc", "tmp", "passed_dry_runs")
"""Digests of what has passed, a line each; DVC's own folder for temporary files, which git ignores."""
LIBRARIES = ("albumentations", "timm", "torch")
MOST_LINES = 1000


def check(params: Params) -> None:
    """Run every model's configuration on a dummy picture, unless it has passed before.

    torch is imported only when there is something new to check. The image without torch trains nothing and checks
    nothing: what it is given was checked where the run was submitted, and is checked again by the tasks that train.

    Args:
        params: The whole of params.yaml.

    Raises:
        InputError: Lists every fault of every model with its key.
    """
    if not find_spec("torch"):
        return
    passed, code = _passed(), fingerprint(CODE)
    digests = {place: _digest(config, params, code) for place, config in trained(params).items()}
    new = {place: digest for place, digest in digests.items() if digest not in passed}
    if not new:
        return
    raise_faults(f"{FILE}: models that cannot be trained", [fault for place in new for fault in faults(params, place)])
    if PASSED.parents[1].is_dir():
        write_text(PASSED, "".join(f"{digest}\n" for digest in [*passed, *new.values()][-MOST_LINES:]))


def trained(params: Params) -> dict[str, ModelConfig]:
    """The configurations that are trained, by their place in params.yaml; students that differ from their teachers."""
    teachers = {f"models.{name}": params.models[name] for name in params.train.models}
    students = {
        f"pseudo_label.student ({name})": params.pseudo_label.config(params.models[name])
        for name in params.pseudo_label.models
        if params.pseudo_label.student
    }
    return teachers | students


def faults(params: Params, place: str) -> list[str]:
    """Return what is wrong with a configuration of `trained`, a line per fault that begins with its key."""
    config = trained(params)[place]
    if config.pinned:
        return []
    from pipeline.modeling import sanity_check

    return [f"{place}.{fault}" for fault in sanity_check.faults(config, params.crop.shape)]


def _passed() -> list[str]:
    try:
        return PASSED.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # not there, or damaged: everything is checked again
        return []


def _digest(config: ModelConfig, params: Params, code: str) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    parts = (config.model_dump_json(), str(params.crop.shape), libraries, code)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
