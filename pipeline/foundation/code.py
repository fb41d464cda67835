"""Which source files a module runs: its import closure within a package, read from the source."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parents[1].name


def closure(entry: Path, root: Path = PROJECT, package: str = PACKAGE) -> frozenset[Path]:
    """The files of `package` that `entry` runs, itself included: what it imports, directly or through others.

    Imports count wherever they stand: at the top, in a function, under a condition; those under `if TYPE_CHECKING`
    never run and do not. Importing a module also runs the `__init__.py` of every folder above it. Files of a folder
    that are no Python (templates, style sheets) belong to all modules of that folder.

    Args:
        entry: A Python file of the package, relative to `root`.
        root: The folder that holds the package.
        package: Its name.

    Returns:
        Paths relative to `root`.

    Raises:
        FileNotFoundError: When `entry` is no file, or an import leads nowhere.
    """
    found: set[Path] = set()
    waiting = [root / entry, *_files(root, ".".join(entry.with_suffix("").parts))]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        found.update(_data_files(file.parent))
        waiting += [module_file for module in _own(file, package) for module_file in _files(root, module)]
    return frozenset(file.relative_to(root) for file in found)


def packages(entry: Path, root: Path = PROJECT, package: str = PACKAGE) -> frozenset[str]:
    """The top-level names of what a closure imports from outside `package`: `torch`, `numpy`, `json`."""
    files = [root / path for path in closure(entry, root, package) if path.suffix == ".py"]
    return frozenset(name.partition(".")[0] for file in files for name in _imports(file)) - {package}


def fingerprint(entry: Path, root: Path = PROJECT, package: str = PACKAGE) -> str:
    """SHA-256 of the names and contents of a closure: it changes when the code that `entry` runs does."""
    digest = hashlib.sha256()
    for path in sorted(closure(entry, root, package)):
        digest.update(f"{path.as_posix()} ".encode())
        digest.update(hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()


def _own(file: Path, package: str) -> Iterator[str]:
    """The dotted names that a file imports of the package."""
    return (name for name in _imports(file) if name.partition(".")[0] == package)


def _imports(file: Path) -> tuple[str, ...]:
    """The dotted names that a file imports; of `from a import b` both `a` and `a.b`."""
    return _imports_of(file.read_text(encoding="utf-8"))


@cache
def _imports_of(source: str) -> tuple[str, ...]:
    """The dotted names that a source imports; most files belong to many closures, and parsing takes long."""
    return tuple(_walk(ast.parse(source)))


def _walk(tree: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        yield from _imported(node)


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module, *(f"{module}.{alias.name}" for alias in node.names)]
        case ast.ImportFrom():
            raise ValueError(f"line {node.lineno}: relative imports are not followed; write the full name")
        case _:
            return []


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files that run when a module is imported; a name that is no module is an attribute of the one above it."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        if place.is_dir():
            init = place / "__init__.py"
            if init.exists():
                yield init
        elif place.with_suffix(".py").exists():
            yield place.with_suffix(".py")
        elif depth < len(parts):
            raise FileNotFoundError(f"{module}: no module {'.'.join(parts[:depth])} below {root}")


def _data_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file() and path.suffix != ".py")
