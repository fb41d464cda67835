"""Changes of parameters by dotted key: `models.face.optimizer.learning_rate: 1.0e-3`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.formats.section import expand_name
from pipeline.foundation.errors import InputError

ALL = "*"  # in a key: every entry of a mapping, `models.*.epochs`


def changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in the layout of a params file, with other values for some keys; `settings` stays as it is.

    A key that is absent is added; whether it exists, and its value fits, is for the parameters' types to check. A bare
    name is a mapping of that name: `heads.age.loss.smoothing` changes `loss: cross_entropy` too.

    Args:
        settings: The settings.
        changes: New values by dotted key; `*` stands for every entry of a mapping.

    Raises:
        InputError: When a key leads into a value that has no keys.
    """
    found = dict(settings)
    for key, value in changes.items():
        found = _set(found, key.split("."), value, key)
    return found


def _set(settings: Any, path: Sequence[str], value: Any, key: str) -> Any:
    if not path:
        return value
    inner = {} if settings is None else expand_name(settings)
    if not isinstance(inner, Mapping):
        place = key.removesuffix("." + ".".join(path))
        raise InputError(f"{key}: {place} is {settings!r}, which has no keys; set {place} as a whole")
    names = list(inner) if path[0] == ALL else [path[0]]
    return {**inner, **{name: _set(inner.get(name), path[1:], value, key) for name in names}}


def run_params(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as parameters of a run: MLflow refuses `*` in a name, and reads `models.all.epochs`."""
    return {key.replace(ALL, "all"): value for key, value in changes.items()}
