"""`python pipeline/orchestration/atomic_dvc.py WORDS`: DVC's command line, which replaces dvc.lock as a whole.

DVC 3.67 truncates dvc.lock and writes it again after every stage (`_dump_data` in dvc/utils/serialize/_common.py). The
lock of this project takes it a fifth of a second, and a kill in that time leaves a file that no later `dvc repro`
reads. Here the new file is written beside the old one and renamed. Before, DVC reads the old one with its comments, of
which dvc.lock has none: without them that takes two thirds of the time. Commands of stages start by `stage_commands`.
"""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # in the folder of any project; Python puts this file's folder first
    sys.path[:1] = []
    sys.path.append(str(Path(__file__).parents[2]))

from dvc.cli import main
from dvc.utils.serialize import _common, _yaml

from pipeline.foundation.files import write_text
from pipeline.foundation.process_settings import run_and_leave, tune
from pipeline.orchestration import stage_commands

dump_in_place: Callable[..., None] = _common._dump_data
parse_with_comments: Callable[[str, str], Any] = _yaml.parse_yaml_for_update


def dump(path: str, data: Any, dumper: Callable[..., Any], fs: Any = None, **arguments: Any) -> None:
    """Write `data` as `dumper` formats it; a local file is replaced as a whole."""
    if fs is not None and fs.protocol != "local":
        dump_in_place(path, data, dumper, fs, **arguments)
        return
    text = io.StringIO()
    dumper(data, text, **arguments)
    write_text(Path(os.fspath(path)), text.getvalue())


def parse_for_update(text: str, path: str) -> Any:
    """Parse a file that is to be changed, with its comments if it can have some."""
    parse = _yaml.parse_yaml if Path(path).name == "dvc.lock" else parse_with_comments
    return parse(text, path)


if __name__ == "__main__":
    tune()
    _common._dump_data = dump
    _yaml.parse_yaml_for_update = parse_for_update
    stage_commands.install()
    run_and_leave(lambda: sys.exit(main(sys.argv[1:])))
