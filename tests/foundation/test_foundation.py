"""foundation: nothing in it can change a result, which is why stages need not name it among their dependencies.

Results are numbers. What foundation imports computes none, and no public function there returns any.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOUNDATION = Path(__file__).parents[2] / "pipeline" / "foundation"
STANDARD = {
    "ast",
    "atexit",
    "collections",
    "concurrent",  # what its threads call comes from those who ask for it, and so do the numbers
    "contextlib",
    "ctypes",
    "difflib",
    "errno",
    "functools",
    "gc",
    "hashlib",
    "importlib",
    "json",
    "os",
    "pathlib",
    "runpy",
    "select",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "warnings",
}
ALLOWED = STANDARD | {"typing", "rich", "pipeline"}
NUMBERS = {"int", "float", "complex", "Any", "Decimal", "Fraction", "NDArray", "Series", "DataFrame", "Tensor"}
HOW_IT_ENDED = {("forkserver", "poll"), ("forkserver", "wait")}  # the exit status of a process is no result
MODULES = sorted(FOUNDATION.glob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_it_imports_nothing_that_computes_numbers(module: Path) -> None:
    names = set(imported(ast.parse(module.read_text())))
    assert {name.partition(".")[0] for name in names} <= ALLOWED
    assert all(name.startswith("pipeline.foundation") for name in names if name.startswith("pipeline"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_public_function_returns_a_number(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if (module.stem, node.name) in HOW_IT_ENDED:
                continue
            assert node.returns, f"{node.name} has no return type"
            named = {part.id for part in ast.walk(node.returns) if isinstance(part, ast.Name)}
            assert not named & NUMBERS, f"{node.name} returns {ast.unparse(node.returns)}"
