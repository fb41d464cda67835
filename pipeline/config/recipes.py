"""Published systems as complete params files: listed, compared, and put in the place of params.yaml."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.params import FILE, Params, load
from pipeline.formats.documents import read_text
from pipeline.foundation.errors import InputError, did_you_mean
from pipeline.foundation.files import write_text
from pipeline.modeling.members import WEIGHTS
from pipeline.tracking import flat

FOLDER = Path("recipes")
REMEDY = "`recipe list` names those that there are"
HERE = ("data", "kubeflow")  # where the data lie and stages run: of this place, not of a system


def names() -> list[str]:
    """The recipes that there are; raises `InputError` outside the project's root."""
    found = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if not found:
        raise InputError(f"{FOLDER}: no recipes here; run from the project's root")
    return found


def find(name: str) -> Path:
    """The file of a recipe, or a params file by its own path; raises `InputError` with what may have been meant."""
    if Path(name).suffix == ".yaml":
        return Path(name)
    if name not in names():
        hint = did_you_mean(name, names())
        raise InputError(f"no recipe '{name}'{hint or ';'} {'There' if hint else 'there'} are {', '.join(names())}")
    return FOLDER / f"{name}.yaml"


def title(name: str) -> str:
    """What a recipe is, in a line: the one that it opens with."""
    return read_text(find(name), REMEDY).partition("\n")[0].removeprefix("# ")


def changes(before: Params, after: Params) -> list[str]:
    """What differs, a line a key: `- key: value`, `+ key: value` or `key: value -> value`.

    Parameters are compared by meaning: one that is left out equals one that states the default. The sections `HERE`
    are left out.
    """
    old, new = _settings(before, after), _settings(after, before)
    return [_change(key, old, new) for key in old | new if key not in old or key not in new or old[key] != new[key]]


def use(name: str, force: bool = False, target: Path = FILE) -> tuple[Params, Params]:
    """Write a recipe over `target`, but for the sections `HERE`, which stay; returns what it was and what it is.

    Raises `InputError` when the recipe is not valid, and when what would be lost is neither a recipe nor committed,
    unless by `force`.
    """
    load(find(name))  # before anything is written
    before, former = load(target), _sections(target)
    if not (force or _is_recipe(former) or _is_committed(target)):
        raise InputError(f"{target}: has edits that are neither committed nor a recipe's; commit them, or use --force")
    chosen = _sections(find(name)) | {key: text for key, text in former.items() if key in HERE}
    write_text(target.resolve(), "".join(chosen.values()).rstrip("\n") + "\n")
    return before, load(target)


def outdated(models: Path, before: Params, after: Params) -> list[str]:
    """Models trained below the folder `models` that other parameters than those before would not make."""
    folders = sorted(folder for folder in models.glob("*") if next(folder.rglob(WEIGHTS), None))
    data = all(getattr(before, section) == getattr(after, section) for section in ("data", "relabel", "crop", "split"))
    kept = {name for name in after.train.models if data and before.models.get(name) == after.models[name]}
    return [folder.name for folder in folders if folder.name not in kept]


def _settings(params: Params, other: Params) -> dict[str, Any]:
    """Parameters of the system by dotted key; of models that the other has not, those that are stated."""
    settings = params.model_dump(mode="json", exclude=set(HERE))
    stated = params.model_dump(mode="json", exclude_unset=True)["models"]
    settings["models"] |= {name: config for name, config in stated.items() if name not in other.models}
    return flat(settings)


def _change(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = (json.dumps(values.get(key), ensure_ascii=False) for values in (old, new))
    if key not in old:
        return f"+ {key}: {after}"
    return f"{key}: {before} -> {after}" if key in new else f"- {key}: {before}"


def _sections(path: Path) -> dict[str, str]:
    """The text of every section of a params file, with comments and blank lines; what precedes them under ''."""
    head, *sections = re.split(r"^(?=\w+:)", read_text(path, REMEDY), flags=re.MULTILINE)
    sections[-1:] = [text.rstrip("\n") + "\n" for text in sections[-1:]]
    return {"": head} | {text.partition(":")[0]: text for text in sections}


def _is_recipe(sections: Mapping[str, str]) -> bool:
    def system(sections: Mapping[str, str]) -> dict[str, str]:
        return {key: text.strip("\n") for key, text in sections.items() if key not in HERE}

    return any(system(_sections(find(name))) == system(sections) for name in names())


def _is_committed(path: Path) -> bool:
    """Whether git holds this very content; False where there is no git."""
    command = ["git", "status", "--porcelain", "--ignored", "--", path.name]
    try:
        status = subprocess.run(command, cwd=path.absolute().parent, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return not status.stdout
