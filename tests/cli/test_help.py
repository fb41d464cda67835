"""The help of every command has an example that is valid, and the shell completes commands."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer._completion_classes import completion_init
from typer.core import TyperGroup
from typer.testing import CliRunner

from pipeline.cli import app as cli
from pipeline.cli.completion import SCRIPTS, VARIABLE
from pipeline.foundation.errors import InputError
from pipeline.foundation.terminal import QUIET, log, warn

ROOT = Path(__file__).parents[2]
COMMAND: Any = typer.main.get_command(cli.app)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(COMMAND))
UNITS = re.compile(r"\b([Nn]umber of|in (pixels|hours)|from 0 to 1|Port)\b")
"""What the help of a number says of it: that it counts or numbers something, its unit, or its range."""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_an_example_and_says_what_every_option_is_in_which_unit(name: str) -> None:
    command = COMMANDS[name]
    example = re.search(r"^Example: (.+)$", command.help, re.MULTILINE)
    assert example
    if "python -m pipeline " in example[1]:
        words = shlex.split(example[1].rpartition("python -m pipeline ")[2].removesuffix(')"'))
        found: Any = COMMAND
        while isinstance(found, TyperGroup):
            _, found, words = found.resolve_command(typer.Context(found), words)
        assert found is command
        found.make_context(name, words)
    for parameter in command.params:
        assert parameter.help or parameter.name == "help", parameter.name
    for parameter in command.params:
        if parameter.name != "help" and parameter.type_descriptor.annotation in (int, float):
            assert UNITS.search(parameter.help), f"{parameter.name}: '{parameter.help}' has no unit"


def test_quiet_drops_progress_and_keeps_warnings(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    log("progress")
    monkeypatch.setenv(QUIET, "1")
    log("more progress")
    warn("beware")
    assert capsys.readouterr() == ("progress\n", "WARNING: beware\n")


@pytest.mark.parametrize(("options", "kept"), [([], {}), (["--quiet", "-v"], {QUIET: "1", cli.VERBOSE: "1"})])
def test_options_of_all_commands_reach_child_processes(
    options: list[str], kept: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (QUIET, cli.VERBOSE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert CliRunner().invoke(cli.app, [*options, "completion", "bash"]).exit_code == 0
    assert {name: os.environ[name] for name in (QUIET, cli.VERBOSE) if name in os.environ} == kept


@pytest.mark.parametrize("verbose", ["", "1"])
def test_a_traceback_is_printed_only_when_it_is_asked_for(
    verbose: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> None:
        raise InputError("train.csv, row 17: no age")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setenv(cli.VERBOSE, verbose)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    text = capsys.readouterr().err
    assert text.endswith("error: train.csv, row 17: no age\n")
    assert ("Traceback" in text) == bool(verbose)


def test_bash_completes_a_command() -> None:
    script = f"{SCRIPTS['bash']}\nCOMP_WORDS=(pipeline kubeflow c); COMP_CWORD=2; _pipeline; echo ${{COMPREPLY[@]}}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=ROOT, capture_output=True, text=True, env={"PATH": path}
    )
    assert found.stdout.split() == ["compile", "cancel"], found.stderr


def test_zsh_is_offered_commands_with_their_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pipeline"])
    completion_init()
    environment = {VARIABLE: "complete_zsh", "_TYPER_COMPLETE_ARGS": "pipeline recipe s"}
    found = CliRunner().invoke(cli.app, env=environment, complete_var=VARIABLE)
    assert '"show":"Print a recipe with its comments."' in found.output
    assert VARIABLE in SCRIPTS["zsh"]


def test_outside_the_environment_a_line_says_how_to_activate_it() -> None:
    code = "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('pipeline', run_name='__main__')"
    bare = [sys.executable, "-I", "-S", "-c", code]
    found = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        "error: this Python has no package typer: activate the environment with `. .venv/bin/activate` "
        "(`make install` creates it)"
    ]
