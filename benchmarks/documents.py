"""Reading YAML: by libyaml, which ruamel.yaml takes where its C library is installed, against ruamel.yaml in Python."""

import json
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.timing import Result, compare
from pipeline.formats.documents import parse_yaml

FILES = ("params.yaml", "dvc.yaml", "pipeline.yaml")
WANTED = "3 times"


def measure(_: Path | None) -> list[Result]:
    return [_of(name, Path(name).read_text(encoding="utf-8").split("\n---\n")[0]) for name in FILES]


def _of(name: str, text: str) -> Result:
    def in_python() -> object:
        return YAML(typ="safe", pure=True).load(text)

    def ours() -> object:
        return parse_yaml(text, name)

    assert json.dumps(ours(), default=str) == json.dumps(in_python(), default=str), f"{name}: read differently"
    return compare(f"read {name}, {text.count(chr(10)):,} lines", WANTED, in_python, ours)
