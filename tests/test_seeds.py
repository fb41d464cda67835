"""docs/seeds.md: every claim names a test that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
CLAIMS = [row for row in ROWS if row[0] != "reported"]


def test_every_test_of_the_table_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
    assert named
    missing = [f"{file}::{name}" for file, name in named if not has(ROOT / "tests" / file, name)]
    assert missing == []


def has(file: Path, test: str) -> bool:
    return file.exists() and f"def {test}(" in file.read_text(encoding="utf-8")


def test_only_what_was_not_reported_has_no_test() -> None:
    assert len(CLAIMS) > 40
    for claim, where, test in CLAIMS:
        assert ("::" in test) != (where.startswith("chosen here")), claim
