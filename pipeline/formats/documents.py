"""Text, JSON and YAML files, read or refused by an `InputError` that names the file."""

import json
import re
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

from pipeline.foundation.errors import InputError

DEEPEST = 100  # brackets within brackets in YAML: the parser's time grows with the square of the depth


def read_text(path: Path, remedy: str) -> str:
    """Read a UTF-8 file.

    Args:
        path: The file.
        remedy: What the user can do when the file cannot be read; the end of the message.

    Raises:
        InputError: When the file is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error}; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; {remedy}") from None


def read_numbers(path: Path, remedy: str) -> dict[str, float]:
    """Read a JSON object of numbers; raises `InputError` for a file with any other content."""
    return parse_numbers(read_text(path, remedy), str(path), remedy)


def parse_numbers(text: str, place: str, remedy: str) -> dict[str, float]:
    """Parse a JSON object of numbers; raises `InputError` that names `place` for any other text."""
    found = parse_json(text, place, remedy)
    if not isinstance(found, dict) or not all(_is_number(value) for value in found.values()):
        raise InputError(f"{place}: not a JSON object of numbers; {remedy}")
    return found


def _is_number(value: Any) -> bool:
    return (
        type(value) in (int, float) and abs(value) <= sys.float_info.max
    )  # which NaN is not; whole numbers have no end


def parse_json(text: str, place: str, remedy: str) -> Any:
    """Parse a JSON text; raises `InputError` that names `place` when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, a number of too many digits, brackets nested too deep
        raise InputError(f"{place}: not JSON that can be read: {error}; {remedy}") from None


def parse_yaml(text: str, place: str) -> Any:
    """Parse a YAML text; raises `InputError` that names `place` and the line when it is not YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    steps = (1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", text))
    if max(accumulate(steps), default=0) > DEEPEST:
        raise InputError(f"{place}: not YAML that can be read: brackets are nested more than {DEEPEST} deep")
    try:
        found = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{place}, line {line}: not YAML: {error.problem}") from None
    except YAMLError as error:
        raise InputError(f"{place}: not YAML: {error}") from None
    except Exception as error:  # noqa: BLE001  the parser raises what its own code meets: there is no list
        raise InputError(f"{place}: not YAML that can be read: {type(error).__name__}: {error}") from None
    if fault := _fault(found, set(), set()):
        raise InputError(f"{place}: not YAML that can be read: {fault}")
    return found


def _fault(value: Any, above: set[int], seen: set[int]) -> str | None:
    """What a list or mapping has that JSON cannot have: itself, by an alias, or lists for keys.

    `above` are the ids of the values that it is part of, `seen` those of what has been looked at.
    """
    if not isinstance(value, dict | list) or id(value) in seen:
        return None
    if id(value) in above:
        return "a value contains itself"
    keys, parts = (value.keys(), value.values()) if isinstance(value, dict) else ((), value)
    if any(isinstance(key, tuple) for key in keys):
        return "a key is a list or a mapping"
    faults = (_fault(part, above | {id(value)}, seen) for part in parts)
    found = next(filter(None, faults), None)
    seen.add(id(value))
    return found
