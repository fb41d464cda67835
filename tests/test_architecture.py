"""docs/architecture.md: the diagram and the table of packages are current."""

import re
import tomllib
from pathlib import Path

from pipeline.orchestration.diagram import BLOCK, mermaid

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_the_diagram_is_that_of_dvc_yaml() -> None:
    found = BLOCK.search(PAGE)
    assert found
    assert found[0] == f"```mermaid\n{mermaid(ROOT)}\n```", "run python -m pipeline graph --into docs/architecture.md"


def test_the_table_lists_the_packages_in_the_order_of_the_layers() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    assert listed == [layer.removeprefix("pipeline.") for layer in contract["layers"] if "__main__" not in layer]


def test_every_package_is_a_layer() -> None:
    packages = {path.name for path in (ROOT / "pipeline").iterdir() if (path / "__init__.py").exists()}
    assert packages == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
