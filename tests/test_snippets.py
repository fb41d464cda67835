"""README and docs: every code block runs here, or `<!-- needs: ... -->` before it says what it needs.

A block of commands runs line by line in a copy of a small project whose stages have run, with the files that a user
would have. Blocks of Python run, blocks of YAML are parameters that are valid, and `text` is no code.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import timm
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

from pipeline.config.params import Params
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from tests.registry.conftest import call, make
from tests.support.mlflow_server import forget

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), ROOT / "mlflow" / "README.md"]
BLOCK = re.compile(
    r"^(?:<!-- needs: (?P<needs>[^>\n]+) -->\n)?```(?P<language>[\w{}]*)\n(?P<code>.*?)^```$", re.M | re.S
)
LANGUAGES = {"", "python", "yaml", "mermaid", "text", "{toctree}"}
PROGRAM = "python -m pipeline "
NOT_RUN = {  # commands within blocks that run
    "dvc repro": "tests/test_pipeline.py runs it",
    "make ": "tests/test_docs.py checks that the target exists",
    "python -m pipeline compare": "takes hours",
    "python -m pipeline labels review": "serves a page until it is stopped",
    "python -m pipeline rollback": "needs an earlier champion",
}
DATA = "--data data/sample --labels data/labels.parquet"
SUBMIT = (
    f"submit {DATA} --name submission --probabilities results/ensemble/eval_probabilities.parquet "
    "--submissions results --shares results/shares.csv --metrics results/submission.json"
)
REPORT = "report --report results/report.html"
AUTHOR = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
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


def test_a_block_of_which_nothing_runs_says_what_it_needs() -> None:
    silent = [block.name for block in BLOCKS if block.language == "" and not block.needs and not block.commands]
    assert silent == []


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which everything has run, and what a user of the docs has beside it."""
    root = tmp_path_factory.mktemp("docs")
    make(root)
    with pytest.MonkeyPatch.context() as patched:
        enter(root, patched)
        for command in (SUBMIT, REPORT):
            call(*command.split())
    shutil.copytree(root / "data/sample/eval/images", root / "photos")
    for name, photo in zip(("a.jpg", "b.png"), sorted((root / "photos").iterdir()), strict=False):
        shutil.copy(photo, root / name)
    for name in ("A.csv", "B.csv"):
        shutil.copy(root / "results/submission.csv", root / name)
    shutil.copy(root / "results/report.html", root / "OLD.html")
    for folder in ("recipes", "components"):
        shutil.copytree(ROOT / folder, root / folder)
    for words in (["init", "--quiet"], ["add", "params.yaml"], [*AUTHOR, "commit", "--quiet", "--message", "mine"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "reviews").mkdir()
    for reviewer in ("anna", "ben"):
        (root / f"reviews/{reviewer}.csv").write_text(REVIEW)
    return root


@pytest.fixture
def root(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of that project, in which the test runs."""
    copy = Path(shutil.copytree(ran, tmp_path / "project"))
    enter(copy, monkeypatch)
    yield copy
    forget()


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    forget()


def make_champion(block: Block) -> None:
    """Register and promote what a block takes for granted: a champion that it does not make itself."""
    if "champion" in block.code and "register" not in block.code:
        for command in ("register", "promote"):
            call(command)


def run(command: str) -> None:
    """Run a line of a block: the project's commands in this process, others in a shell."""
    if command.startswith(PROGRAM):
        call(*shlex.split(command.removeprefix(PROGRAM)))
    else:
        subprocess.run(["bash", "-e", "-c", command], check=True)


@those("")
def test_commands_run(block: Block, root: Path) -> None:
    make_champion(block)
    for command in block.commands:
        run(command)


@those("python")
def test_python_runs(block: Block, root: Path) -> None:
    (root / "weights").mkdir()
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    published = {f"layer {number}": _transposed(value) for number, value in enumerate(state.values())}
    torch.save(published, root / "efficientnet-lite0-57934424.pth")
    make_champion(block)
    exec(compile(block.code, block.name, "exec"), {})
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


@pytest.mark.parametrize("command", [f"{PROGRAM}recipe use r9", "false"])
def test_a_command_that_fails_would_be_noticed(command: str, root: Path) -> None:
    with pytest.raises((InputError, subprocess.CalledProcessError)):
        run(command)
