"""README and docs: links lead to a file, and every command, target, recipe and file exists."""

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from benchmarks.__main__ import BENCHMARKS
from pipeline.cli.app import app
from pipeline.config import params, recipes
from pipeline.config.kubeflow import Kubeflow
from pipeline.ensembling.config import Ensemble
from pipeline.formats.section import Section
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.orchestration import diagram

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), ROOT / "mlflow" / "README.md"]
CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?<![\w./-])(?:pipeline|components|tests|benchmarks|docs|recipes|fixes|mlflow)/[\w./-]*")
WORDS = 1_100
"""The most words of a page, two screens of text."""
RECORDS = ("benchmarks", "decisions", "parameters", "results", "scale", "seeds")  # to look things up in, of any length
WRITTEN_BY_USERS = {"mlflow/.env", "fixes/anna.csv", "fixes/merged.csv", "fixes/same.csv", "fixes/automatic.csv"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code(page: Path) -> Iterator[str]:
    """The lines of all code blocks, without comments, and inline code."""
    for block, words in CODE.findall(page.read_text()):
        yield from (re.sub(r"(^| )#.*", "", line).strip() for line in (block or words).splitlines())


def following(page: Path, start: str) -> list[list[str]]:
    """The words after `start` of every command that begins with it."""
    return [shlex.split(line.removeprefix(start)) for line in code(page) if line.startswith(start)]


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The targets of all links and images within the project: a file, and a heading of it or nothing."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        if not file.startswith("http"):
            yield ((page.parent / file).resolve() if file else page), anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings: in lower case, with hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parse(words: list[str]) -> None:
    """Parse a command line as the program does, without running it; raises its error for an invalid one."""
    command: Any = typer.main.get_command(app)
    words = words[words[0] in ("--quiet", "--verbose") :]
    while isinstance(command, TyperGroup):
        _, command, words = command.resolve_command(typer.Context(command), words)
    command.make_context(command.name, words)


@every_page
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file), anchor


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name in ("docs", "tutorials")], ids=lambda page: page.stem
)
def test_a_page_has_two_screens_of_text_at_most(page: Path) -> None:
    assert page.stem in RECORDS or len(page.read_text().split()) <= WORDS, "split it"


@every_page
def test_every_command_is_valid(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "http://localhost:8080")  # as docs/kubeflow-submit.md says before
    for words in following(page, "python -m pipeline "):
        parse(words)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("promte", "No such command"),
        ("promote --lok", "No such option"),
        ("kubeflow fetch", "Missing parameter: run_id"),
        ("recipe list all", "unexpected extra argument"),
    ],
)
def test_an_invalid_command_would_be_noticed(words: str, fault: str) -> None:
    with pytest.raises(Exception, match=fault):
        parse(words.split())


@every_page
def test_every_benchmark_exists(page: Path) -> None:
    for words in following(page, "python -m benchmarks"):
        if words[:1] and words[0].startswith("."):
            assert importlib.util.find_spec(f"benchmarks{words[0]}"), words
        else:
            assert set(words) <= set(BENCHMARKS), words


@every_page
def test_every_make_target_exists(page: Path) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {words[0] for words in following(page, "make ")} <= set(targets)


@every_page
def test_every_file_of_the_project_exists(page: Path) -> None:
    named = {path for line in code(page) for path in FILE.findall(line)}
    assert [path for path in named - WRITTEN_BY_USERS if not (ROOT / path).exists()] == []


@every_page
def test_every_recipe_exists(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert set(re.findall(r"\b(?:c|r\d[a-z]?)-[a-z0-9-]+", page.read_text())) <= set(recipes.names())


@pytest.mark.parametrize(
    ("pages", "section"),
    [
        (("models", "training"), ModelConfig),
        (("ensemble", "calibration", "eval-photos"), Ensemble),
        (("kubeflow", "kubeflow-compile"), Kubeflow),
    ],
)
def test_pages_document_every_key_of_their_section(pages: tuple[str, ...], section: type[Section]) -> None:
    named = {words.rpartition(".")[2] for page in pages for words in code(ROOT / "docs" / f"{page}.md")}
    assert set(section.model_fields) - {"stages"} <= named


def test_every_page_and_image_of_docs_is_linked_from_the_readme() -> None:
    reached, new = {README}, [README]
    while new:
        found = {file for page in new if page.suffix == ".md" for file, _ in links(page)} - reached
        reached, new = reached | found, list(found)
    assert {file for file in ROOT.glob("docs/**/*") if file.is_file() and file.suffix not in (".py", ".pyc")} <= reached


def test_the_readme_shows_the_error_of_a_misspelt_parameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = r"^error: (.*\n +models\.age\.(\w+): .*'(\w+)'.*)$"
    shown, misspelt, meant = re.findall(pattern, README.read_text(), re.MULTILINE)[0]
    before, _, age = (ROOT / "params.yaml").read_text().partition("\n  age:\n")
    (tmp_path / "params.yaml").write_text(f"{before}\n  age:\n{age.replace(meant, misspelt, 1)}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        params.load()
    assert str(error.value) == shown


def test_the_readme_has_the_commands_to_start_with() -> None:
    assert ["run"] in following(README, "make ")
    assert ["recipe", "list"] in following(README, "python -m pipeline ")


def test_the_page_of_parameters_is_current() -> None:
    spec = importlib.util.spec_from_file_location("write_parameters", ROOT / "docs" / "write_parameters.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run `make docs`"
    assert "| `batch_size` | integer, > 0 | `64` | Images per step, over all devices. |" in module.page()


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "tutorials" / "own-photos.html").exists()


def test_the_picture_of_the_graph_is_that_of_dvc_yaml() -> None:
    assert (ROOT / "docs" / "graph.svg").read_text(encoding="utf-8") == diagram.svg(ROOT)
