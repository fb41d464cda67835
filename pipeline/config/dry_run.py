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
    digests = {name: _digest(params.models[name], params, code) for name in params.train.models}
    new = {name: digest for name, digest in digests.items() if digest not in passed}
    if not new:
        return
    raise_faults(f"{FILE}: models that cannot be trained", [fault for name in new for fault in faults(params, name)])
    if PASSED.parents[1].is_dir():
        write_text(PASSED, "".join(f"{digest}\n" for digest in [*passed, *new.values()][-MOST_LINES:]))


def faults(params: Params, name: str) -> list[str]:
    """Return what is wrong with a model's configuration, a line per fault that begins with its key in params.yaml."""
    config = params.models[name]
    if config.pinned:
        return []
    from pipeline.modeling import sanity_check

    return [f"models.{name}.{fault}" for fault in sanity_check.faults(config, params.crop.shape)]


def _passed() -> list[str]:
    try:
        return PASSED.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # not there, or damaged: everything is checked again
        return []


def _digest(config: ModelConfig, params: Params, code: str) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    parts = (config.model_dump_json(), str(params.crop.shape), libraries, code)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
