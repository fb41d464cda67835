"""`python pipeline/orchestration/atomic_dvc.py WORDS`: DVC's command line, which replaces dvc.lock as a whole.

DVC 3.67 truncates dvc.lock and writes it again after every stage (`_dump_data` in dvc/utils/serialize/_common.py). The
lock of this project takes it a fifth of a second, and a kill in that time leaves a file that no later `dvc repro`
reads. Here the new file is written beside the old one and renamed. Commands of stages start by `stage_commands`.
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
from dvc.utils.serialize import _common

from pipeline.foundation.files import write_text
from pipeline.foundation.process_settings import run_and_leave, tune
from pipeline.orchestration import stage_commands

dump_in_place: Callable[..., None] = _common._dump_data


def dump(path: str, data: Any, dumper: Callable[..., Any], fs: Any = None, **arguments: Any) -> None:
    """Write `data` as `dumper` formats it; a local file is replaced as a whole."""
    if fs is not None and fs.protocol != "local":
        dump_in_place(path, data, dumper, fs, **arguments)
        return
    text = io.StringIO()
    dumper(data, text, **arguments)
    write_text(Path(os.fspath(path)), text.getvalue())


if __name__ == "__main__":
    tune()
    _common._dump_data = dump
    stage_commands.install()
    run_and_leave(lambda: sys.exit(main(sys.argv[1:])))
