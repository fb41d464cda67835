"""The faults that pydantic finds, in the words of someone who edits a YAML file."""

import re
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.formats.section import Section
from pipeline.foundation.errors import did_you_mean, raise_faults

WORDING = {  # pydantic's words to ours
    "^Value error, ": "",
    "^Field required": "is missing",
    "^Extra inputs are not permitted": "unknown key",
    "^Input should be": "must be",
    "^(Tuple|Dictionary) should have (.*) after validation.*": r"must have \2",
    "^Input tag (.*) found using 'name' does not match any of the expected tags:": r"\1 is none of",
    "^Unable to extract tag using discriminator 'name'": "must be a name, or {name: ..., and its settings}",
    "^Input is not a valid path.*": "must be a path",
    "^String should match": "must match",
    "a valid boolean.*": "true or false",
    "a valid tuple": "a list",
    "a valid dictionary( or instance of .*)?": "a mapping",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    ", (unable to parse|got a number) .*": "",
}

S = TypeVar("S", bound=Section)


def validated(section: type[S], given: Any, summary: str) -> S:
    """Check what a YAML file holds; raises `InputError` that begins with `summary`, with a line per wrong key."""
    try:
        return section.model_validate(given)
    except ValidationError as error:
        raise_faults(summary, "\n".join(map(describe, error.errors())).splitlines())
        raise


def describe(fault: Any) -> str:
    """A line on one of `ValidationError.errors()`: the key, what is wrong, and what was given."""
    message, given = fault["msg"], fault["input"]
    for theirs, ours in WORDING.items():
        message = re.sub(theirs, ours, message)
    if fault["type"] == "extra_forbidden":
        message += did_you_mean(
            str(fault["loc"][-1]), {key for part in Section.__subclasses__() for key in part.model_fields}
        )
    elif not isinstance(given, dict) and fault["type"] != "missing":
        message += f" (given: {given!r})"
    return ": ".join(filter(None, [".".join(map(str, fault["loc"])), message]))
