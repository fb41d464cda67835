"""docs/dependencies.md names exactly the direct dependencies, and the two that rest are behind one module each."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "dependencies.md").read_text()
ROW = re.compile(r"^\| ([\w.-]+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_the_table_names_exactly_the_direct_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {name for each in project["dependencies"] if (name := re.split(r"[\[<>=]", each)[0])}
    rows = [row[0] for row in ROW.findall(TABLE) if row[0] != "package"]
    assert len(rows) == len(set(rows))
    assert set(rows) == direct


@pytest.mark.parametrize(
    ("package", "module"),
    [("albumentations", "pipeline/modeling/augmentation.py"), ("facenet_pytorch", "pipeline/faces/detection.py")],
)
def test_a_package_that_nobody_maintains_is_behind_one_module(package: str, module: str) -> None:
    imports = re.compile(rf"^\s*(?:import|from) {package}\b", re.MULTILINE)
    found = [path.relative_to(ROOT) for path in (ROOT / "pipeline").rglob("*.py") if imports.search(path.read_text())]
    assert found == [Path(module)]
    assert f"only `{module.removeprefix('pipeline/')}` imports it" in TABLE
