"""figures: a report carries its own, and says what changed against another's."""

from pathlib import Path

import pytest

from pipeline.evaluation.report import figures
from pipeline.evaluation.report.page import render
from pipeline.foundation.errors import InputError
from tests.support.run import Run


def test_a_page_gives_back_the_figures_that_it_was_made_of(tmp_path: Path) -> None:
    sources = Run(tmp_path).sources()
    page = tmp_path / "report.html"
    page.write_text(render(sources), encoding="utf-8")
    assert figures.read(page) == figures.figures(sources)


def test_one_score_has_one_name(tmp_path: Path) -> None:
    found = figures.figures(Run(tmp_path).sources())
    assert {"macro F1", "submission macro F1"} < set(found)


def test_what_is_as_it_was_is_left_out_and_what_is_new_has_a_dash() -> None:
    before = {"macro F1": 0.5, "F1 of worn": 1.0, "people": 90, "suggested": 1, "accuracy": 0.75, "gone": 1.0}
    after = {"macro F1": 0.625, "F1 of worn": 0.0, "people": 1100, "suggested": 0, "accuracy": 0.75, "new": 2}
    assert figures.changes(before, after).rows == [
        ["macro F1", "0.500", "0.625", "+0.125"],
        ["F1 of worn", "1.000", "0.000", "-1.000"],
        ["people", "90", "1,100", "+1,010"],
        ["suggested", "1", "0", "-1"],
        ["new", "-", "2", "-"],
        ["gone", "1.000", "-", "-"],
    ]


def test_what_is_no_report_is_told(tmp_path: Path) -> None:
    page = tmp_path / "old.html"
    with pytest.raises(InputError, match=r"old\.html: no such file"):
        figures.read(page)
    page.write_text("<html>another page</html>")
    with pytest.raises(InputError, match=r"old\.html: no report of this pipeline"):
        figures.read(page)
