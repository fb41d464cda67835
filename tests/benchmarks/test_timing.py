"""benchmarks: both ways run equally often, and a page keeps what people wrote on it."""

from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import main
from benchmarks.page import END, START, write
from benchmarks.timing import Result, compare


def test_both_ways_run_in_turn_once_uncounted() -> None:
    done: list[str] = []
    result = compare("", "", lambda: done.append("reference"), lambda: done.append("ours"), rounds=3)
    assert done == ["reference", "ours"] * 4
    assert len(result.ratios) == 3


def test_a_result_shows_the_median_ratio_with_its_range() -> None:
    assert Result("", "", 1, 2, ratios=(3.0, 1.0, 2.0)).ratio == "2.00 (1.00-3.00)"
    assert Result("", "", 1).ratio == ""


def test_the_page_keeps_all_but_its_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{START}\nold\n{END}\n\nafter\n")
    for _ in range(2):
        write(page, [Result("some work", "4", 0.5, 2.0, ratios=(4.0,))], "the synthetic sample")
    text = page.read_text()
    assert text.startswith(f"before\n\n{START}\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert text.count("| some work | 2.00 | 0.50 | 4.00 (4.00-4.00) |") == 1


def test_an_unknown_benchmark_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(typer.BadParameter, match=r"crp: there are crop, loader"):
        main(["crp"])
