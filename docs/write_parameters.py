"""Writes parameters.md: all parameters of params.yaml, from the types that check them."""

import inspect
import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from pipeline.config.params import Params
from pipeline.formats.section import Section

PAGE = Path(__file__).parent / "parameters.md"
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "min_length": "length >=", "max_length": "length <="}
HEAD = """# All parameters

One table per section of params.yaml and per kind of setting within it. `make docs` writes this page from the types
that check the file; most values in `params.yaml` also have a comment. A parameter without a default is required.
"""


def page() -> str:
    """The text of the page."""
    found: dict[type[Section], str] = {Params: "params.yaml"}
    waiting: list[type[Section]] = [Params]
    while waiting:
        section = waiting.pop(0)
        for name, field in section.model_fields.items():
            for other in sections(field.annotation):
                if other not in found:
                    found[other] = name if section is Params else other.__name__
                    waiting.append(other)
    return "\n".join([HEAD, *(table(section, found) for section in found if section.model_fields)])


def table(section: type[Section], titles: dict[type[Section], str]) -> str:
    """The heading of a section, what it is, and a row for each of its parameters."""
    meanings = attributes(section)
    rows = [
        f"| `{name}` | {text(field.annotation, field.metadata, titles)} | {default(field)} | {meanings.get(name, '')} |"
        for name, field in section.model_fields.items()
    ]
    summary = inspect.cleandoc(section.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    heading = ["| parameter | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {titles[section]}\n", f"{summary}\n", *heading, *rows, ""])


def attributes(section: type[Section]) -> dict[str, str]:
    """What the docstring of a section says of each parameter."""
    _, _, listed = inspect.cleandoc(section.__doc__ or "").partition("Attributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", listed, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", meaning).replace("|", "\\|") for name, meaning in entries}


def default(field: FieldInfo) -> str:
    """The default in YAML's words."""
    if field.is_required():
        return ""
    if field.default_factory_takes_validated_data:
        return "depends on the others"
    value = field.get_default(call_default_factory=True)
    plain = value.model_dump(mode="json") if isinstance(value, Section) else value
    shown = json.dumps(plain, default=str, ensure_ascii=False)
    return f"`{shown.strip(chr(34))}`" if len(shown) < 60 else "see its section"


def sections(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a type is made of."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from sections(part)


def text(annotation: Any, metadata: list[Any], titles: dict[type[Section], str]) -> str:
    """A type in words, with its limits."""
    limits = [
        f"{sign} {getattr(each, key)}"
        for each in metadata
        for key, sign in SIGNS.items()
        if getattr(each, key, None) is not None
    ]
    return ", ".join([_words(annotation, titles), *limits])


def _words(annotation: Any, titles: dict[type[Section], str]) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        nested = [each for extra in parts[1:] for each in getattr(extra, "metadata", [extra])]
        return text(parts[0], nested, titles)
    if origin is Literal:
        return ", ".join(f"`{json.dumps(part).strip(chr(34))}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part, titles) for part in parts)
    if origin is tuple:
        inner = [_words(part, titles) for part in parts if part is not ...]
        return f"list of ({inner[0]})" if ... in parts else f"[{', '.join(inner)}]"
    if origin in (dict, list):
        return f"mapping to {_words(parts[1], titles)}" if origin is dict else f"list of ({_words(parts[0], titles)})"
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        title = titles[annotation]
        return f"[{title}](#{title.lower()})" if annotation.model_fields else title
    names = {type(None): "null", str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
