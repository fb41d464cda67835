"""docs/dependencies.md names exactly the direct dependencies, and the two that rest are behind a module a purpose."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "dependencies.md").read_text()
EXTRAS = ("boosting", "export", "heic", "nodes")  # what `make image EXTRAS=...` adds
ROW = re.compile(r"^\| ([\w.-]+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def direct() -> list[str]:
    """What the whole image installs: the dependencies, and those of `networks`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["networks"]]


def test_the_table_names_exactly_the_direct_dependencies() -> None:
    rows = [row[0] for row in ROW.findall(TABLE) if row[0] != "package"]
    assert len(rows) == len(set(rows))
    assert set(rows) == {re.split(r"[\[<>=]", each)[0] for each in direct()}


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("albumentations", ["pipeline/modeling/augmentation.py"]),
        ("facenet_pytorch", ["pipeline/faces/detection.py", "pipeline/modeling/facenet.py"]),
    ],
)
def test_a_package_that_nobody_maintains_is_behind_a_module_a_purpose(package: str, modules: list[str]) -> None:
    imports = re.compile(rf"^\s*(?:import|from) {package}\b", re.MULTILINE)
    found = [path.relative_to(ROOT) for path in (ROOT / "pipeline").rglob("*.py") if imports.search(path.read_text())]
    assert sorted(map(str, found)) == modules
    named = " and ".join(f"`{module.removeprefix('pipeline/')}`" for module in modules)
    assert f"only {named} import" in TABLE


def shipped() -> set[str]:
    """The distributions that come with the direct dependencies, without the tools of `dev`."""
    waiting, found = [Requirement(each) for each in direct()], set[tuple[str, str]]()
    while waiting:
        requirement = waiting.pop()
        for extra in ["", *sorted(requirement.extras)]:
            key = (canonicalize_name(requirement.name), extra)
            if key in found:
                continue
            found.add(key)
            needs = [Requirement(each) for each in requires(requirement.name) or []]
            waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def imported(statements: Iterable[ast.stmt]) -> set[str]:
    """The packages that statements import, without this project's."""
    names: set[str] = set()
    for statement in statements:
        match statement:
            case ast.Import():
                names |= {alias.name for alias in statement.names}
            case ast.ImportFrom(module=str(module)):
                names.add(module)
    return {name.partition(".")[0] for name in names} - {"pipeline", "components"} - sys.stdlib_module_names


def missing(names: set[str], there: set[str]) -> set[str]:
    """The names of modules that no distribution has which is there."""
    distributions = packages_distributions()
    return {name for name in names if not {canonicalize_name(each) for each in distributions[name]} & there}


def test_the_image_has_every_package_that_the_program_imports() -> None:
    """What a module imports at its top is there; a function may import what an extra adds."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    added = {canonicalize_name(Requirement(each).name) for name in EXTRAS for each in extras[name]}
    trees = [
        ast.parse(file.read_text()) for folder in ("pipeline", "components") for file in (ROOT / folder).rglob("*.py")
    ]
    at_top = imported(statement for tree in trees for statement in tree.body)
    anywhere = imported(node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.stmt))
    assert missing(at_top, shipped()) == set()
    assert missing(anywhere, shipped() | added) == set()
    assert missing(anywhere, shipped()), "the extras are seen"
