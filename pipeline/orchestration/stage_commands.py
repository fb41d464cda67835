"""The commands of stages: what runs this very Python is forked from the server that the runner has, if there is one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dvc.stage import run

from pipeline.foundation import forkserver

# Words that mean the same to every shell, and to Python no option but -m.
PYTHON = re.compile(r"python3?( -m [\w.]+| [\w./][\w./-]*\.py)( [\w./:,@%+=-]+)*")


def install() -> None:
    """Have DVC start the commands of stages by `start`: DVC 3.67 calls `subprocess.Popen` in dvc/stage/run.py."""
    run.subprocess = SimpleNamespace(Popen=start)


def start(words: Sequence[str], **arguments: Any) -> "forkserver.Process | subprocess.Popen[bytes]":
    """Start a shell with a command, its last word, as `subprocess.Popen(words, **arguments)` does."""
    address = os.environ.get(forkserver.ADDRESS)
    command = python_command(words[-1], arguments["env"])
    if not address or not command:
        return subprocess.Popen(words, **arguments)
    folder = Path(arguments["cwd"]).absolute()
    return forkserver.start(address, command, folder, arguments["env"], group=os.getpgrp())


def python_command(line: str, environment: Mapping[str, str]) -> list[str] | None:
    """The command of a line that runs this Python and needs no shell; None for any other line."""
    if not PYTHON.fullmatch(line):
        return None
    name, *words = line.split()
    found = shutil.which(name, path=environment.get("PATH"))
    here = Path(sys.executable).parent
    return [sys.executable, *words] if found and Path(found).parent.samefile(here) else None
