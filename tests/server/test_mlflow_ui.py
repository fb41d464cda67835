"""What a person sees and clicks in MLflow's pages after a pipeline has run, and what a clicked alias changes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline import tracking
from pipeline.tracking import store
from tests.server.processes import PATIENCE
from tests.server.tiny import EXPERIMENT, pipeline, project, run
from tests.support.mlflow_server import Server, forget

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC on its own trie, when it reads dvc.yaml
SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder to keep pictures of the pages in
PEOPLE, EPOCHS = (90, 12) if SCREENSHOTS else (24, 3)
RUN = "dvc repro 2026-01-31 12:00:00"
MODEL = "mga"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("workspace"), PEOPLE, EPOCHS)


@pytest.fixture(scope="module")
def address(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a fresh sqlite database, and a pipeline that has run against it."""
    with Server(tmp_path_factory.mktemp("mlflow")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server.address)
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(PATIENCE))
        patch.setenv(tracking.PIPELINE_RUN, RUN)
        run(workspace)
        yield server.address
    forget()


@pytest.fixture
def training(page: Page, address: str) -> Page:
    """The experiment's page, as a person comes to it."""
    page.goto(address)
    page.get_by_role("button", name="Model training").click()
    page.get_by_role("link", name=EXPERIMENT).first.click()
    open_run(page)
    return page


def open_run(page: Page) -> None:
    """Show the trainings of the pipeline run, and its ensemble."""
    page.get_by_role("button", name="Close", exact=True).click()  # the assistant, which comes unasked
    whole = page.get_by_role("gridcell").filter(has=page.get_by_role("link", name=RUN, exact=True))
    whole.get_by_role("button").click()


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page where it was asked for."""
    if SCREENSHOTS:
        page.wait_for_timeout(1500)  # for what moves or is drawn late
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def test_the_experiment_lists_the_runs_by_name(training: Page) -> None:
    for name in (RUN, "ensemble", "three-0"):
        expect(training.get_by_role("link", name=name, exact=True).first).to_be_visible()


def test_the_link_that_is_printed_opens_the_runs_with_their_scores(page: Page, address: str) -> None:
    page.goto(store.page(store.connect(), EXPERIMENT, address))
    open_run(page)
    page.get_by_role("button", name="Hide banner").click()
    for column in ("macro_f1", "accuracy", "mask_macro_f1"):
        expect(page.get_by_role("columnheader", name=column, exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="ensemble", exact=True).first).to_be_visible()
    keep(page, "runs")


def test_a_training_shows_its_curves(training: Page) -> None:
    training.get_by_role("link", name="three-0", exact=True).first.click()
    training.get_by_role("tab", name="Model metrics").click()
    training.get_by_placeholder("Search metric charts").fill("train_loss")  # a part of no other metric's name
    expect(training.get_by_role("heading", name="train_loss", exact=True)).to_be_visible()
    expect(training.locator(".js-plotly-plot")).to_have_count(1)
    curve = training.locator(".js-plotly-plot .scatterlayer path.js-line").first
    expect(curve).to_have_attribute("d", re.compile("L"))  # it may be there before it is drawn
    expect(curve).to_be_visible()
    lines = (curve.get_attribute("d") or "").count("L")
    assert 1 <= lines < EPOCHS, "a line from epoch to epoch; plotly leaves out a point on a straight line"
    training.get_by_placeholder("Search metric charts").fill("f1")
    keep(training, "curves")


def test_the_ensemble_shows_its_confusion_matrix(training: Page) -> None:
    training.get_by_role("link", name="ensemble", exact=True).first.click()
    training.get_by_role("tab", name="Artifacts").click()
    training.get_by_text("confusion.png").first.click()
    picture = training.get_by_role("img", name="confusion.png")
    expect(picture).to_be_visible()
    expect(picture).not_to_have_js_property("naturalWidth", 0)  # it may be shown before it is loaded
    assert picture.evaluate("image => image.naturalWidth") > 500
    keep(training, "confusion")


def test_the_ensemble_shows_its_mistakes_in_a_table_with_their_crops(training: Page) -> None:
    training.get_by_role("link", name="ensemble", exact=True).first.click()
    training.get_by_role("tab", name="Artifacts").click()
    training.get_by_text("mistakes.json").first.click()
    for column in ("image", "true", "predicted"):
        expect(training.get_by_role("columnheader").get_by_role("button", name=column, exact=True)).to_be_visible()
    crop = training.get_by_role("cell").get_by_role("img").first
    expect(crop).to_be_visible()
    expect(crop).not_to_have_js_property("naturalWidth", 0)  # of the picture there now: the table is drawn again
    keep(training, "mistakes")


@pytest.fixture
def versions(workspace: Path, address: str) -> tuple[int, int]:
    """Two versions of the ensemble that differ in whether they are calibrated."""
    with chdir(workspace):
        for command in (["init", "--no-scm", "--quiet"], ["commit", "--force", "--quiet"]):
            subprocess.run([sys.executable, "-m", "dvc", *command], check=True)
        pipeline("register")
        params = Path("params.yaml")
        params.write_text(params.read_text().replace("ensemble:\n", "ensemble:\n  calibrate: true\n"))
        run(workspace, "ensemble")
        pipeline("register")
    return 1, 2


def test_an_alias_set_by_clicking_is_what_predict_uses(
    address: str, training: Page, versions: tuple[int, int], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = workspace / "data" / "sample" / "eval" / "info.csv"
    training.get_by_role("link", name="Model registry").click()
    training.get_by_role("button", name="Try it now").click()
    for version in versions:
        training.goto(f"{address}/#/models")
        training.get_by_role("link", name=MODEL, exact=True).click()
        training.get_by_role("link", name=f"Version {version}", exact=True).click()
        give(training, "champion")
        pipeline(f"predict {photos}")
        assert f"photos predicted by {MODEL} version {version}" in capsys.readouterr().err
    training.get_by_role("link", name=MODEL, exact=True).first.click()
    expect(training.get_by_text("challenger")).to_be_visible()
    keep(training, "model")


def give(page: Page, alias: str) -> None:
    """Give the version that is shown an alias; another version's loses it."""
    page.get_by_title("Add aliases").or_(page.get_by_role("button", name="Edit aliases")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill(alias)
    dialog.get_by_role("combobox").press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text(alias).first).to_be_visible()
