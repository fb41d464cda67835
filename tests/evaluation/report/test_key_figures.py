"""key_figures: a report embeds its own, and shows which differ from another's."""

import re
from pathlib import Path

import pytest

from pipeline.evaluation.report import key_figures
from pipeline.evaluation.report.page import render
from pipeline.foundation.errors import InputError
from tests.support.run import Run


def test_the_key_figures_of_a_page_are_read_back(tmp_path: Path) -> None:
    sources = Run(tmp_path).sources()
    page = tmp_path / "report.html"
    page.write_text(render(sources, "a & b"), encoding="utf-8")
    found = key_figures.key_figures(sources)
    title = f"a & b: macro F1 {found['macro F1']:.3f}"
    assert key_figures.read(page) == ("report.html", title, found)


def test_scores_have_the_same_names_everywhere(tmp_path: Path) -> None:
    found = key_figures.key_figures(Run(tmp_path).sources())
    assert {"macro F1", "submission macro F1"} < set(found)


def test_equal_figures_are_left_out_and_missing_ones_are_a_dash() -> None:
    before = {"macro F1": 0.5, "F1 of worn": 1.0, "people": 90, "suggested": 1, "accuracy": 0.75, "gone": 1.0}
    after = {"macro F1": 0.625, "F1 of worn": 0.0, "people": 1100, "suggested": 0, "accuracy": 0.75, "new": 2}
    assert key_figures.changes(before, after).rows == [
        ["macro F1", "0.500", "0.625", "+0.125"],
        ["F1 of worn", "1.000", "0.000", "-1.000"],
        ["people", "90", "1,100", "+1,010"],
        ["suggested", "1", "0", "-1"],
        ["new", "-", "2", "-"],
        ["gone", "1.000", "-", "-"],
    ]


def test_a_file_that_is_not_a_report_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "old.html"
    with pytest.raises(InputError, match=r"old\.html: no such file"):
        key_figures.read(page)
    page.write_text("<html>another page</html>")
    with pytest.raises(InputError, match=r"old\.html: not a report of this pipeline"):
        key_figures.read(page)


def test_the_end_of_a_run_is_its_scores_with_what_they_are_of(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(render(Run(tmp_path).sources(), "photos"), encoding="utf-8")
    first, second, last = key_figures.conclusion(report)
    assert re.fullmatch(
        r"macro F1, out of fold  0\.\d{3} \(95 % interval 0\.\d{3} to [01]\.\d{3}\), 60 people of train", first
    )
    assert second == "macro F1, eval         0.800, the submission's 70 photos, by their true classes"
    assert last.split() == ["report", str(report)]
