"""Every page passes axe's rules of WCAG AA, light and dark, on a desktop and on a phone, and is used by keyboard."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from pipeline import pages
from pipeline.evaluation.report.page import render
from pipeline.experiments import page as compare
from pipeline.formats.images import small_jpeg
from pipeline.label_quality.doctor.findings import Finding
from pipeline.label_quality.doctor.page import page as doctor
from pipeline.orchestration.kubeflow import artifacts
from tests.label_quality.doctor.test_page import SEVERE, SLIGHT
from tests.support.accessibility import violations
from tests.support.run import Run


def report(root: Path) -> str:
    return render(Run(root).sources(), "photos")


def comparison(_: Path) -> str:
    columns = [*compare.HEADINGS, "low", "high", "difference_low", "difference_high", "epoch_selected_on_val"]
    rows = pd.DataFrame([dict.fromkeys(columns, 0.5) | {"recipe": name, "verdict": "worse"} for name in ("r0", "r1")])
    return compare.html(rows, "2 recipes")


def trials(_: Path) -> str:
    template = pages.templates(Path(compare.__file__).parent).get_template("search_page.html")
    table = pd.DataFrame({"trial": [0, 1], "macro_f1": [0.5, np.nan]})
    shown = {"headings": ["candidate"], "rows": [["base"]], "trials": table, "plots": []}
    return template.render(title="Search", summary=["Two trials."], **shown)


def findings(root: Path) -> str:
    return doctor(root, [Finding(SEVERE, "empty", ("eval/images/gone.jpg",)), Finding(SLIGHT, "small")], "2 findings")


def outputs(_: Path) -> str:
    template = pages.templates(Path(artifacts.__file__).parent).get_template("artifacts.html")
    pixel = pages.source(small_jpeg(np.zeros((4, 4, 3), np.uint8), 4, 50))
    parts = [{"name": "crops.jpg", "image": pixel}, {"name": "t.csv", "image": "", "columns": ["a"], "rows": [["b"]]}]
    return template.render(title="outputs", parts=parts)


WRITERS = (report, comparison, trials, findings, outputs)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {write.__name__: write(tmp_path_factory.mktemp("page")) for write in WRITERS}


@pytest.mark.parametrize(("scheme", "width", "background"), [("light", 1280, "255"), ("dark", 390, "18")])
@pytest.mark.parametrize("name", [write.__name__ for write in WRITERS])
def test_axe_finds_nothing(
    texts: dict[str, str], name: str, scheme: Literal["light", "dark"], width: int, background: str, page: Page
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.set_content(texts[name])
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("getComputedStyle(document.body).backgroundColor").startswith(f"rgb({background},")


def test_axe_finds_faults(page: Page) -> None:
    page.set_content('<html lang="en"><title>a</title><main><h1>a</h1><p style="color: #aaa">pale</p><img src="x">')
    assert [each.partition(":")[0] for each in violations(page)] == ["color-contrast", "image-alt"]


def test_a_wide_table_is_scrolled_and_a_cell_opened_by_keyboard(page: Page, texts: dict[str, str]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_content(texts["report"])
    table = page.get_by_role("group", name="scores by epoch")
    grid = page.get_by_role("group", name="confusion of all 18 classes")
    for each in (table, grid):
        each.focus()
        expect(each).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(grid).not_to_have_js_property("scrollLeft", 0)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
