"""docs/seeds.md: every claim names a test that exists, or says that it is not there yet."""

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


def test_a_claim_without_a_test_says_that_it_is_not_there_yet() -> None:
    assert len(CLAIMS) > 40
    for claim, where, test in CLAIMS:
        assert ("::" in test) != (where.startswith(("not yet", "chosen here"))), claim
