"""page: one file, below a size limit for any data set, that works from disk in a browser."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from pipeline.evaluation.report import text_tables, written
from pipeline.evaluation.report.page import render
from pipeline.evaluation.report.thumbnails import MAX_OF_CLASS
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import Head, ModelConfig
from pipeline.modeling.config.optimization import Optimizer
from pipeline.schema.schema import SCHEMA
from pipeline.stages.report import report
from tests.support.run import TRAIN_BANDS, Run

FACE = ModelConfig(
    backbone="test_resnet",
    pretrained=False,
    heads={"mask": Head(), "age": Head(bands=TRAIN_BANDS["face"])},
    epochs=1,
    optimizer=Optimizer(learning_rate=1e-3),
)
LIMIT = 15_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return render(run.sources(), "photos")


def write(run: Run, page: Path, against: Path | None = None) -> Path:
    labels, folds, crops, results = (
        run.root / name for name in ("labels.parquet", "folds.parquet", "crops", "results")
    )
    report(labels, folds, crops, results, page, {"face": FACE}, ["face"], "photos", against)
    return page


def test_equal_sources_are_equal_bytes(run: Run, text: str) -> None:
    assert render(run.sources(), "photos") == text


def test_it_needs_no_other_file_and_no_network(text: str) -> None:
    sources = re.findall(r'(?:src|href)="(.*?)"', text)
    assert sources.pop() == written.BESIDE, "which may be missing"
    assert sources
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in sources)
    assert not re.search(r"url\(|@import|fetch\(", text.replace("url(#", ""))


@pytest.mark.parametrize(
    ("commit", "place"),
    [
        ({"git_commit": "0123456789abcdef", "git_uncommitted_changes": "false"}, "at commit 0123456789"),
        ({"git_commit": "0123456789abcdef", "git_uncommitted_changes": "true"}, "0123456789 with uncommitted changes"),
        ({}, "outside of git"),
    ],
)
def test_it_says_when_and_at_which_commit_it_was_written_but_not_of_another_page(
    run: Run, tmp_path: Path, page: Page, commit: dict[str, str], place: str
) -> None:
    report = write(run, tmp_path / "report.html")
    line = page.locator("#written")
    page.goto(report.as_uri())
    expect(line).to_be_hidden()
    written.note(report, commit, datetime(2026, 1, 31, 9, 5, tzinfo=UTC))
    page.reload()
    expect(line).to_have_text(re.compile(rf"Written on 2026-01-31 09:05 UTC .*{place}\."))
    report.write_text(report.read_text().replace(written.DIGEST.search(report.read_text())[1], "0" * 64))  # type: ignore[index]
    page.reload()
    expect(line).to_be_hidden()


def test_every_section_is_present(text: str) -> None:
    sections = re.findall(r'<section id="(\w+)">', text)
    assert sections == [
        "data",
        "crops",
        "curves",
        "scores",
        "confusion",
        "errors",
        "calibration",
        "label_shift",
        "labels",
    ]
    assert "normal and incorrect_mask swapped" in text
    assert "gender: female → male" in text


def test_twenty_thousand_photos_are_below_the_limit_and_the_number_left_out_is_shown(tmp_path: Path) -> None:
    """Thumbnails of noise, which is the worst for JPEG, and errors in half of the photos."""
    text = render(Run(tmp_path, people=2_860, sure=0.1, side=48).sources(), "photos")
    assert 10_000_000 < len(text.encode()) < LIMIT
    shown, photos = re.findall(r"([\d,]+) of ([\d,]+) are in this file", text)[0]
    assert photos == "20,020"
    assert int(shown.replace(",", "")) < 20_020


def test_names_are_text(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for name in ("labels.parquet", "folds.parquet", "crops/train.parquet", "results/ensemble/out_of_fold.parquet"):
        table = tables.read(run.root / name, {})
        for column in {"path", "person"} & set(table):
            table[column] = table[column].str.replace("^004", "<script>fault()", regex=True)
        tables.write(table, run.root / name)
    page = render(run.sources(), "photos")
    assert "<script>fault" not in page
    assert "&lt;script&gt;fault()" in page


def test_scores_of_people_in_several_folds_are_reported_as_biased(tmp_path: Path, text: str) -> None:
    assert "All photos of a person are in one fold." in text
    run = Run(tmp_path)
    path = run.root / "folds.parquet"
    folds = tables.read(path, tables.FOLDS)
    tables.write(folds.assign(fold=folds.index % 2), path)  # as `split.by: photo` assigns them
    page = " ".join(render(run.sources(), "photos").split())
    assert "Photos of 60 people are in several folds." in page
    assert "These scores are biased upwards: 60 people" in page
    assert "every person is predicted by models that were not trained on them" not in page


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (run.root / "results" / "submission.json").unlink()
    with pytest.raises(InputError, match=r"submission\.json: no such file; run `dvc repro`"):
        run.sources()


def test_without_results_the_message_names_the_command(tmp_path: Path) -> None:
    labels, folds, crops, results = (
        tmp_path / name for name in ("labels.parquet", "folds.parquet", "crops", "results")
    )
    with pytest.raises(InputError, match="no results yet: run `dvc repro`"):
        report(labels, folds, crops, results, tmp_path / "report.html", {"face": FACE}, ["face"], "photos")


def test_changes_since_an_earlier_report_are_shown(run: Run, text: str, tmp_path: Path) -> None:
    before, page = tmp_path / "before.html", tmp_path / "now.html"
    before.write_text(text.replace('"macro F1":', '"macro F1":0.5,"another":'))
    write(run, page, before)
    figures = r'<th scope="row">macro F1</th><td>0.500</td>.*<th scope="row">another</th>'
    assert re.search(f"Changes since before.html.*{figures}", page.read_text(), re.DOTALL)
    assert re.search(r"<nav.*Changes since before.html</a>.*</nav>", page.read_text(), re.DOTALL)
    assert "The earlier report is <em>photos: macro F1" in page.read_text()
    write(run, before, page)
    assert "None: all key figures are the same" in before.read_text()


def test_a_click_on_a_cell_opens_its_photos(run: Run, page: Page, tmp_path: Path) -> None:
    page.goto(write(run, tmp_path / "report.html").as_uri())
    for matrix in (".matrix.class", ".matrix.gender"):
        cell = page.locator(f"{matrix} td.wrong button").first
        cell.click()
        expect(page.locator("dialog")).to_be_visible()
        expect(page.locator("dialog h2")).to_have_text(str(cell.get_attribute("aria-label")))
        expect(page.locator("dialog figure img")).to_have_count(int(cell.inner_text()))
        assert page.locator("dialog img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 16
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_be_hidden()


def test_a_cell_shows_how_many_of_its_photos_are_left_out(run: Run, page: Page, tmp_path: Path) -> None:
    page.goto(write(run, tmp_path / "report.html").as_uri())
    cells = page.locator(".matrix.mask td.right button")
    counts = [int(count) for count in cells.all_inner_texts()]
    cells.nth(int(np.argmax(counts))).click()
    shown = page.locator("dialog figure").count()
    expect(page.locator("dialog p")).to_contain_text(f"{max(counts) - shown} more are not in this file")


def test_on_a_telephone_wide_tables_scroll_and_the_page_does_not(run: Run, page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(write(run, tmp_path / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_it_prints_without_what_only_a_screen_can_do(run: Run, page: Page, tmp_path: Path) -> None:
    page.goto(write(run, tmp_path / "report.html").as_uri())
    page.emulate_media(media="print")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator(".screen")).to_be_hidden()
    expect(page.locator(".matrix.class")).to_be_visible()


def test_data_show_every_class_and_the_age_bands_that_models_are_trained_on(text: str) -> None:
    assert "bands of face: 30, 58" in text
    sheet = text[text.index('<div class="classes">') : text.index('<section id="curves">')]
    articles = [each.split("</article>")[0] for each in sheet.split("<article>")[1:]]
    assert len(articles) == len(SCHEMA.class_names)
    for name, article in zip(SCHEMA.class_names, articles, strict=True):
        assert f"<p>{escape(name)}</p>" in article
        assert 1 <= article.count("<img") <= MAX_OF_CLASS


def test_models_stand_side_by_side_by_epoch(text: str) -> None:
    assert re.search(r'<th scope="row">2</th><td>0.750</td><td>0.375</td>', text)


def test_every_model_has_its_best_scores_and_generalization_gaps_by_epoch(text: str) -> None:
    table = text[text.index('aria-label="best scores and generalization gaps of face"') :]
    assert re.search(
        r'<th scope="row">2</th><td>0.375</td><td>0.375</td><td>0.250</td><td>3.000</td><td>2.500</td><td>-2.000</td>',
        table[: table.index("</table>")],
    )


def test_scores_of_epochs_that_were_selected_on_the_scored_people_are_reported_as_biased(run: Run, text: str) -> None:
    warning = "biased upwards: the epoch of a member was selected"
    assert warning not in text
    sources = run.sources()
    assert warning in render(replace(sources, scores=sources.scores | {"epoch_selected_on_val": 1}), "photos")


def test_the_title_names_data_set_and_score_and_each_score_says_what_it_is_of(text: str) -> None:
    assert re.search(r"<title>photos: macro F1 0\.\d{3}</title>", text)
    assert "<h1>photos</h1>" in text
    head = " ".join(text[text.index("<dl>") : text.index("</dl>")].split())
    assert "each predicted by models that were not trained on them" in head
    assert "The submission against the true classes of eval's 70 photos" in head


def test_a_model_that_is_named_after_its_head_is_named_once() -> None:
    assert text_tables.head("mask", "mask") == "mask"
    assert text_tables.head("face", "mask") == "face: mask"


def test_the_label_shift_is_a_sentence(run: Run) -> None:
    sources = run.sources()

    def verdict(refused: str, *chances: float) -> str:
        values = pd.Series(chances, index=SCHEMA.names, name="p_value")
        table = values.rename_axis("of").reset_index().assign(refused=refused)
        return text_tables.label_shift_verdict(replace(sources, tables={**sources.tables, "label_shift": table}))

    assert "no sign of a label shift" in verdict("not significant", 0.5, 0.5, 0.5)
    assert "differ from the out-of-fold ones in mask and age; no estimate" in verdict("wide", 0.01, 0.5, 0.001)
    assert "in gender; the estimated shares of gender are reliable enough" in verdict("", 0.5, 0.01, 0.5)


def test_every_plot_names_its_axes(text: str) -> None:
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 1 + 4 + 3 + 3  # ages; a model's learning curves; reliability and label shift by attribute
    for plot in plots:
        assert any(f">{name}</text>" in plot for name in ("age in years", "epoch", "confidence", "share of photos"))
