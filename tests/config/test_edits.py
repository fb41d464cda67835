"""Edits of params.yaml: the value that is named changes, and no other character."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from pipeline.config import edits, params
from pipeline.formats.documents import parse_yaml
from pipeline.foundation.errors import InputError
from tests.support.workspace import ROOT

ANYTHING = "a value"
BLOCKS = """# top
train: # of all
  folds: # which
  - 0
  - 1

  # on models
  models:
    - mask
    - {name: age} # last
# of the split
split: {seed: 7, by: person} # here
root: data/sample # a folder
"""


def shipped() -> list[Path]:
    return [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]


@pytest.mark.parametrize("file", shipped(), ids=lambda path: path.stem)
def test_dvc_exp_run_changes_the_lines_that_it_is_asked_to(file: Path, tmp_path: Path) -> None:
    """DVC writes a whole params file anew: every recipe has the form that its writer keeps."""
    target = tmp_path / "params.yaml"
    target.write_bytes(file.read_bytes())
    before = params.load(file)
    shards = [*before.crop.shards, 99]
    apply_overrides(target, ["data.root=../photos", "split.seed=4711", f"crop.shards={list(shards)}"])
    lines = list(difflib.ndiff(file.read_text().splitlines(), target.read_text().splitlines()))
    changed = [line.partition("#")[0].rstrip() for line in lines if line[0] in "+-"]
    assert changed == [
        f"-   root: {before.data.root}",
        "+   root: ../photos",
        "+   - 99",
        f"-   seed: {before.split.seed}",
        "+   seed: 4711",
    ]


def unset(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys behind which nothing stands."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from unset(value, f"{prefix}{key}.")
        elif value is None:
            yield prefix + key


@pytest.mark.parametrize("file", shipped(), ids=lambda path: path.stem)
def test_a_key_behind_which_nothing_stands_takes_a_value(file: Path) -> None:
    text = file.read_text()
    keys = list(unset(parse_yaml(text, str(file))))
    assert "ensemble.stacking" in keys
    for key in keys:
        changed = edits.replaced(text, key, ANYTHING, str(file))
        lines = [line for line in difflib.ndiff(text.splitlines(), changed.splitlines()) if line[0] in "+-"]
        assert len(lines) == 2, key
        (old, new) = (line[2:] for line in lines)
        assert new == old.replace(":", f": {ANYTHING}", 1)


@pytest.mark.parametrize("file", shipped(), ids=lambda path: path.stem)
def test_one_value_changes_one_line_of_every_recipe(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "params.yaml"
    target.write_bytes(file.read_bytes())
    edits.set_parameters(["data.root=../Ann's photos"], target)
    changed = list(difflib.ndiff(file.read_text().splitlines(), target.read_text().splitlines()))
    assert sum(line.startswith("- ") for line in changed) == sum(line.startswith("+ ") for line in changed) == 1
    before = params.load(file)
    assert params.load(target) == before.model_copy(
        update={"data": before.data.model_copy(update={"root": Path("../Ann's photos")})}
    )


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("root", "x/y", "root: data/sample #", "root: x/y #"),
        ("split.by", "photo", "by: person}", "by: photo}"),
        ("split.seed", "8", "seed: 7,", "seed: 8,"),
        ("train.folds", "[2]", "folds: # which\n  - 0\n  - 1\n", "folds: [2] # which\n"),
        ("train.models", "[]", "models:\n    - mask\n    - {name: age} #", "models: [] #"),
        ("split", "{seed: 9}", "split: {seed: 7, by: person} #", "split: {seed: 9} #"),
    ],
)
def test_other_text_stays(key: str, value: str, old: str, new: str) -> None:
    assert BLOCKS.count(old) == 1
    assert edits.replaced(BLOCKS, key, value, "file") == BLOCKS.replace(old, new)


@pytest.mark.parametrize("value", ["", "# y", "a # b", "{", "1\nroot: 2", "a: b: c", "x\n# y"])
def test_a_value_that_would_change_more_is_refused(value: str) -> None:
    with pytest.raises(InputError, match=r"root="):
        edits.replaced(BLOCKS, "root", value, "file")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("data.rot=x", r"no key 'data\.rot'; did you mean 'root'\?"),
        ("date=x", "no key 'date'; did you mean 'data'"),
        ("data.root.x=1", r"no key 'data\.root\.x'; data\.root has no keys"),
        ("data.root", "'data.root': not KEY=VALUE"),
        ("split.folds=1", r"split\.folds: must be greater than or equal to 2"),
    ],
)
def test_what_is_wrong_changes_nothing(assignment: str, message: str, tmp_path: Path) -> None:
    target = tmp_path / "params.yaml"
    target.write_bytes((ROOT / "params.yaml").read_bytes())
    with pytest.raises(InputError, match=message):
        edits.set_parameters(["split.seed=1", assignment], target)
    assert target.read_bytes() == (ROOT / "params.yaml").read_bytes()
