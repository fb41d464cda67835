from pathlib import Path

import pytest

from pipeline.foundation.code import closure, fingerprint, packages


def package(root: Path, **files: str) -> Path:
    """A package `shop` of these modules."""
    for name, text in files.items():
        path = root / "shop" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(root: Path, entry: str) -> set[str]:
    return {path.as_posix() for path in closure(Path(entry), root, "shop")}


@pytest.mark.parametrize(
    "text",
    [
        "import shop.b",
        "from shop import b",
        "from shop.b import thing",
        "def late():\n    from shop.b import thing",
        "try:\n    import shop.b\nexcept ImportError:\n    pass",
        "if True:\n    pass\nelse:\n    from shop import b",
        "class A:\n    import shop.b as c",
        "from shop.c import other",
    ],
)
def test_imports_count_wherever_they_stand(tmp_path: Path, text: str) -> None:
    root = package(tmp_path, a=text, b="thing = 1", c="from shop import b\nother = b", d="")
    assert names(root, "shop/a.py") - {"shop/c.py"} == {"shop/a.py", "shop/b.py"}


def test_what_is_imported_for_its_types_alone_does_not_run(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop import b\nelse:\n    from shop import c"
    root = package(tmp_path, a=text, b="", c="")
    assert names(root, "shop/a.py") == {"shop/a.py", "shop/c.py"}


def test_folders_run_their_init_and_templates_belong_to_their_folder(tmp_path: Path) -> None:
    root = package(tmp_path, **{"__init__": "", "pages/__init__": "import shop.b", "pages/a": "", "b": "", "c": ""})
    (root / "shop" / "pages" / "page.html").write_text("<html>")
    assert names(root, "shop/pages/a.py") == {
        "shop/__init__.py",
        "shop/pages/__init__.py",
        "shop/pages/a.py",
        "shop/pages/page.html",
        "shop/b.py",
    }


def test_packages_are_those_that_any_file_of_a_closure_imports(tmp_path: Path) -> None:
    root = package(
        tmp_path, a="import os.path\nfrom shop import b", b="def late():\n    from torch import nn", c="import timm"
    )
    assert packages(Path("shop/a.py"), root, "shop") == {"os", "torch"}


def test_circles_end(tmp_path: Path) -> None:
    root = package(tmp_path, a="import shop.b", b="import shop.a")
    assert names(root, "shop/a.py") == {"shop/a.py", "shop/b.py"}


def test_an_import_that_leads_nowhere_and_a_relative_one_are_errors(tmp_path: Path) -> None:
    root = package(tmp_path, a="from shop.lost import b", c="from . import a")
    with pytest.raises(FileNotFoundError, match=r"shop\.lost"):
        closure(Path("shop/a.py"), root, "shop")
    with pytest.raises(ValueError, match="relative"):
        closure(Path("shop/c.py"), root, "shop")


def test_a_fingerprint_changes_with_any_file_of_the_closure_and_no_other(tmp_path: Path) -> None:
    root = package(tmp_path, a="import shop.b", b="x = 1", c="x = 1")
    before = fingerprint(Path("shop/a.py"), root, "shop")
    (root / "shop" / "c.py").write_text("x = 2")
    assert fingerprint(Path("shop/a.py"), root, "shop") == before
    (root / "shop" / "b.py").write_text("x = 2")
    assert fingerprint(Path("shop/a.py"), root, "shop") != before
