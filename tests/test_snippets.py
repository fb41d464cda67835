"""README and docs: every code block runs here, or `<!-- needs: ... -->` before it says what it needs.

A block of commands runs line by line in a copy of a small project whose stages have run, with the files that a user
would have. Blocks of Python run, blocks of YAML are parameters that are valid, and `text` is no code.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import timm
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

from pipeline.config.params import Params
from pipeline.modeling.config import ModelConfig
from tests.support.workspace import Workspace

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), ROOT / "mlflow" / "README.md"]
BLOCK = re.compile(r"^(?:<!-- needs: (?P<needs>[^>\n]+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S)
LANGUAGES = {"", "python", "yaml", "mermaid", "text"}
NOT_RUN = {  # commands within blocks that run
    "python -m pipeline compare": "takes hours",
    "python -m pipeline labels review": "serves a page until it is stopped",
    "python -m pipeline rollback": "needs an earlier champion",
}
REVIEW = "id,field,was,value,verdict,reviewer,time\n"


class Block(NamedTuple):
    """A code block: its page and line, its language, and what it needs, if it does not run here."""

    page: Path
    line: int
    language: str
    needs: str | None
    code: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        lines = (re.sub(r"(^| +)#.*", "", line) for line in self.code.splitlines())
        return [line for line in lines if line and not line.startswith(tuple(NOT_RUN))]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: found.start("language")].count("\n") + 1, found["language"], found["needs"], found["code"])
        for found in BLOCK.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks(page)]


def those(language: str) -> "pytest.MarkDecorator":
    chosen = [block for block in BLOCKS if block.language == language and not block.needs]
    assert chosen
    return pytest.mark.parametrize("block", chosen, ids=lambda block: block.name)


def test_every_block_is_of_a_known_kind_and_closed() -> None:
    assert {block.language for block in BLOCKS} == LANGUAGES
    assert sum(page.read_text(encoding="utf-8").count("\n```") for page in PAGES) == 2 * len(BLOCKS)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A project in which everything has run, with a champion, and what a user of the docs has beside it."""
    workspace = Workspace(tmp_path_factory.mktemp("docs") / "project")
    workspace.repro("repro")
    for command in ("register", "promote --model mga"):
        workspace.run(sys.executable, "-m", "pipeline", *command.split())
    root = workspace.root
    shutil.copytree(root / "data/sample/eval/images", root / "photos")
    for name, photo in zip(("a.jpg", "b.png"), sorted((root / "photos").iterdir()), strict=False):
        shutil.copy(photo, root / name)
    for name in ("A.csv", "B.csv"):
        shutil.copy(root / "results/submission.csv", root / name)
    shutil.copy(root / "results/report.html", root / "OLD.html")
    shutil.copytree(ROOT / "recipes", root / "recipes")
    (root / "reviews").mkdir()
    for reviewer in ("anna", "ben"):
        (root / f"reviews/{reviewer}.csv").write_text(REVIEW)
    return workspace


def copied(workspace: Workspace, folder: Path) -> Path:
    return Path(shutil.copytree(workspace.root, folder / "project"))


def run(workspace: Workspace, root: Path, *command: str) -> None:
    environment = workspace.environment()
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@those("")
def test_commands_run(block: Block, ran: Workspace, tmp_path: Path) -> None:
    root = copied(ran, tmp_path)
    for command in block.commands:
        run(ran, root, "bash", "-c", command)


@those("python")
def test_python_runs(block: Block, ran: Workspace, tmp_path: Path) -> None:
    root = copied(ran, tmp_path)
    (root / "weights").mkdir()
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    published = {f"layer {number}": _transposed(value) for number, value in enumerate(state.values())}
    torch.save(published, root / "efficientnet-lite0-57934424.pth")
    run(ran, root, sys.executable, "-c", block.code)
    for converted in (root / "weights").iterdir():
        tensors = load_file(converted)
        assert all(torch.equal(tensors[name], value) for name, value in state.items())


def _transposed(value: torch.Tensor) -> torch.Tensor:
    """The same values in another order in memory, as the published weights have them."""
    return value.t().contiguous().t() if value.ndim == 2 else value


@those("yaml")
def test_yaml_is_valid_parameters(block: Block) -> None:
    excerpt = "..." in block.code
    yaml = YAML(typ="safe")
    given: dict[str, Any] = yaml.load(re.sub(r",? *\.\.\.(?=[ ,}\n])", "", block.code))
    if not excerpt:
        Params.model_validate(yaml.load(ROOT / "params.yaml") | given)
        return
    assert set(given) == {"models"}
    for name, model in given["models"].items():
        assert set(model) <= set(ModelConfig.model_fields), name


def test_a_block_that_fails_would_be_noticed(ran: Workspace) -> None:
    with pytest.raises(AssertionError, match="no recipe 'r9'"):
        run(ran, ran.root, "bash", "-c", "python -m pipeline recipe use r9")
