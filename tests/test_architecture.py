"""docs/architecture.md: diagram and table of packages are current, and its lists of files to extend are complete."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline.orchestration.diagram import BLOCK, mermaid
from tests.support.workspace import copy

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_the_diagram_is_that_of_dvc_yaml() -> None:
    found = BLOCK.search(PAGE)
    assert found
    assert found[0] == f"```mermaid\n{mermaid(ROOT)}\n```", "run python -m pipeline graph --into docs/architecture.md"


def test_the_table_lists_the_packages_in_the_order_of_the_layers() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = [layer.removeprefix("pipeline.") for layer in contract["layers"] if layer.startswith("pipeline.")]
    assert listed == [layer for layer in layers if layer != "__main__"]


def test_every_package_is_a_layer() -> None:
    packages = {path.name for path in (ROOT / "pipeline").iterdir() if (path / "__init__.py").exists()}
    assert packages == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


LOSS_SETTINGS = '''class Brier(Section):
    """Brier score."""

    kind: ClassVar[Kind] = "classes"
    name: Literal["brier"] = "brier"


ClassLoss = '''
LOSS_CASE = """        case config.Brier():
            return BrierLoss()
        case _:"""
LOSS_FORMULA = '''

class BrierLoss(nn.Module):
    """Mean squared distance of the probabilities from the true class."""

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        distance = (logits.softmax(dim=1) - F.one_hot(codes, logits.shape[1])).square().sum(dim=1)
        return (distance * weights).sum() / weights.sum()
'''
LOSS_CHECK = """
import numpy as np, torch
from pipeline.modeling import losses
from pipeline.modeling.config.model import ModelConfig
config = ModelConfig.model_validate({"backbone": "test_resnet", "epochs": 1,
    "optimizer": {"name": "adamw", "learning_rate": 0.001}, "heads": {"mask": {"loss": "brier"}}})
loss = losses.create(config.heads["mask"].loss, np.array([0, 1]), 3)
print(float(loss(torch.tensor([[50.0, 0, 0], [50, 0, 0]]), torch.tensor([0, 1]), torch.ones(2))))
"""

BACKBONE = '''

@timm.models.register_model
def mean_colour(pretrained: bool = False, pretrained_cfg: Any = None, **settings: Any) -> torch.nn.Module:
    """The mean of every channel."""
    backbone: Any = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    backbone.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    return backbone
'''
BACKBONE_CHECK = """
import torch
from pipeline.modeling.config.model import ModelConfig
from pipeline.modeling.network import Network
config = ModelConfig.model_validate({"backbone": "mean_colour", "pretrained": False, "image_size": 32, "epochs": 1,
    "optimizer": {"name": "adamw", "learning_rate": 0.001}, "heads": {"mask": {}}})
print(tuple(Network(config).eval()(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))["mask"].shape))
"""

STAGE = '''"""Stage census: the number of photos of every class."""

from pathlib import Path

from pipeline.formats import tables


def census(labels: Path, counts: Path) -> None:
    """Write a table of the number of photos by mask, gender and age."""
    found = tables.read(labels, {"mask": "text", "gender": "text", "age": "integer"})
    tables.write(found.groupby(["mask", "gender", "age"]).size().reset_index(name="photos"), counts)
'''
STAGE_COMMAND = '''
def census(labels: Labels, counts: Annotated[Path, typer.Option(help="Output: table of counts.")]) -> None:
    """Count the photos of every class."""
    from pipeline.stages.census import census as stage

    stage(labels, counts)


COMMANDS = (census, '''
STAGE_ENTRY = """
  census:
    cmd: python -m pipeline census --labels data/labels.parquet --counts results/census.csv
    deps: [pipeline/stages/census.py, pipeline/formats/tables.py, data/labels.parquet]
    outs: [results/census.csv]
"""


class Project:
    """A copy of the project to be extended."""

    def __init__(self, root: Path) -> None:
        self.root = copy(root, "params.yaml")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old!r}: docs/architecture.md may be out of date"
        (self.root / path).write_text(text.replace(old, new))

    def append(self, path: str, text: str) -> None:
        with (self.root / path).open("a") as file:
            file.write(text)

    def python(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_loss_is_added_in_two_files(project: Project) -> None:
    project.edit("pipeline/modeling/config/losses.py", "ClassLoss = ", LOSS_SETTINGS)
    project.edit("pipeline/modeling/config/losses.py", "CrossEntropy | Focal", "CrossEntropy | Brier | Focal")
    project.edit("pipeline/modeling/losses.py", "        case _:", LOSS_CASE)
    project.append("pipeline/modeling/losses.py", LOSS_FORMULA)
    assert float(project.python("-c", LOSS_CHECK)) == pytest.approx(1)  # one photo right, one wrong: (0 + 2) / 2


def test_a_backbone_source_is_added_in_one_file(project: Project) -> None:
    project.append("pipeline/modeling/backbones.py", BACKBONE)
    assert project.python("-c", BACKBONE_CHECK).strip() == "(2, 3)"


def test_a_stage_is_added_by_its_file_its_command_and_its_entry(project: Project) -> None:
    (project.root / "pipeline/stages/census.py").write_text(STAGE)
    project.edit("pipeline/cli/stages.py", "\nCOMMANDS = (", STAGE_COMMAND)
    project.append("dvc.yaml", STAGE_ENTRY)
    assert "  relabel --> census" in project.python("-m", "pipeline", "graph").splitlines()
    (project.root / "labels.csv").write_text("mask,gender,age\nworn,male,30\nworn,male,30\n")
    project.python("-m", "pipeline", "census", "--labels", "labels.csv", "--counts", "census.csv")
    assert (project.root / "census.csv").read_text() == "mask,gender,age,photos\nworn,male,30,2\n"
