"""Changes of single parameters in the text of params.yaml: all other lines stay as they are."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from pipeline.config.params import FILE, parse
from pipeline.formats.documents import parse_yaml, read_text
from pipeline.foundation.errors import InputError, did_you_mean
from pipeline.foundation.files import write_text


def set_parameters(assignments: Sequence[str], target: Path = FILE) -> None:
    """Change parameters of a params file; the file is written once, and only when the result is valid.

    Args:
        assignments: Words of the form `KEY=VALUE`: a dotted key, and a value in YAML, such as `train.folds=[0, 1]`.
        target: The params file.

    Raises:
        InputError: When a word has another form, a key is not in the file, or the changed parameters are not valid.
    """
    text = read_text(target, "run from the project's root")
    parse_yaml(text, str(target))
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not (key and equals):
            raise InputError(f"'{assignment}': not KEY=VALUE, such as data.root=../photos")
        text = replaced(text, key, value.strip(), str(target))
    parse(text, str(target))
    write_text(target.resolve(), text)


def replaced(text: str, key: str, value: str, place: str) -> str:
    """The text of a YAML file with another value of one key, a comment beside it kept.

    Raises:
        InputError: When the key is not in the file, or the value is not YAML that fits on its line.
    """
    name, node = _find(YAML().compose(text), key.split("."), place)
    start = text.index(":", name.end_mark.index) + 1
    between = text[start : node.start_mark.index]
    if node.start_mark.index == node.end_mark.index:  # nothing stands for null; its mark is at what comes next
        changed = f"{text[:start]} {value}{text[start:]}"
    else:
        line, newline, _ = between.partition("\n")  # a block begins below its key
        comment = line.rstrip() if newline else ""
        changed = f"{text[:start]} {value}{comment}{text[_end(node) :]}"
    wanted = _assigned(parse_yaml(text, place), key, value)
    whole = YAML().compose(value)
    if whole is None or whole.end_mark.index != len(value) or parse_yaml(changed, value) != wanted:
        raise InputError(f"{key}={value}: the value is not YAML in one line; quote it as in '{key}=\"...\"'")
    return changed


def _find(root: Node | None, path: Sequence[str], place: str) -> tuple[ScalarNode, Node]:
    """The nodes of a key and of its value."""
    node = root
    for depth, part in enumerate(path):
        pairs = {key.value: (key, value) for key, value in node.value} if isinstance(node, MappingNode) else {}
        if part not in pairs:
            parent = ".".join(path[:depth]) or "the file"
            hint = did_you_mean(part, pairs) or f"; {parent} has " + (", ".join(pairs) or "no keys")
            raise InputError(f"{place}: no key '{'.'.join(path[: depth + 1])}'{hint}")
        name, node = pairs[part]
    assert node is not None
    return name, node


def _end(node: Node) -> int:
    """Where the text of a value ends; a block's own end lies behind the comments that follow it."""
    if isinstance(node, ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(node, MappingNode) else last)


def _assigned(settings: Any, key: str, value: str) -> Any:
    *sections, name = key.split(".")
    changed = deepcopy(settings)
    section = changed
    for part in sections:
        section = section[part]
    section[name] = parse_yaml(value, f"{key}={value}")
    return changed
