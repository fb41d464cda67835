"""page: the figures as people see them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pipeline.experiments import comparison, page

FIGURES = {"accuracy": 0.75, "mask_f1": 0.9, "gender_f1": 0.8, "age_f1": 0.5, "old_recall": 0.25, "gap": 0.1}
EFFORT = {"epochs": 20, "seconds": 61.4, "parameters": 10.75, "images_per_second": 1234.5}


@pytest.fixture
def rows() -> pd.DataFrame:
    scores = {"macro_f1": 0.6123, "low": 0.55, "high": 0.67, "age_mae": np.nan}
    return pd.DataFrame(
        [
            {"recipe": "r0 <small>", **scores, **FIGURES, **EFFORT, "epoch_selected_on_val": 0},
            {"recipe": "r1", **scores, **FIGURES, **EFFORT, "age_mae": 4.25, "macro_f1": 0.62}
            | {"epoch_selected_on_val": 1},
        ]
    )


def test_every_figure_is_a_cell_and_what_is_unknown_a_dash(rows: pd.DataFrame) -> None:
    first, second = (dict(zip(page.headings(rows), row, strict=True)) for row in page.cells(rows))
    assert first["macro_f1"] == "0.612 (0.550 to 0.670)"
    assert second["macro_f1"] == "0.620 (0.550 to 0.670) *", "its epoch was selected on the scored people"
    assert (first["age_mae"], second["age_mae"]) == ("-", "4.2")
    assert (first["epochs"], first["seconds"], first["images_per_second"]) == ("20", "61", "1,234")


def test_the_terminal_shows_every_recipe(rows: pd.DataFrame) -> None:
    console = Console(width=220, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(page.terminal(rows, "two recipes"))
    assert all(word in shown.get() for word in ("two recipes", "r0 <small>", "r1", "0.620"))


def test_the_title_says_what_a_star_means(rows: pd.DataFrame) -> None:
    both: Any = rows.to_dict("records")
    assert comparison.title(both, "full").startswith("2 recipes, scale full; *: biased upwards, because the epoch was")
    assert comparison.title(both[:1], "full") == "1 recipes, scale full"


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    bounds = {"difference": [np.nan, -0.05], "difference_low": [np.nan, -0.08], "difference_high": [np.nan, -0.02]}
    return rows.assign(**bounds, verdict=["reference", "worse"])


def test_the_page_stands_alone(rows: pd.DataFrame) -> None:
    text = page.html(ranked(rows), "two & more")
    assert text.count("<svg") == text.count("</svg>") == 3
    assert '<th scope="row">r0 &lt;small&gt;</th>' in text
    assert "two &amp; more" in text
    assert "<script" not in text
    assert "src=" not in text


def test_a_scale_that_ranks_nothing_compares_no_scores(rows: pd.DataFrame) -> None:
    text = page.html(rows[::-1], "two")
    assert text.index("r0 &lt;small&gt;") < text.index('<th scope="row">r1</th>')
    assert "alphabetical order" in text
    assert text.count("<figcaption>") == 1
    assert ">seconds of training</text>" in text
    assert ">macro F1</text>" not in text


def test_equal_figures_are_equal_pages(rows: pd.DataFrame) -> None:
    assert page.html(rows, "two") == page.html(rows.copy(), "two")


def test_differences_are_shown_where_there_are_any(rows: pd.DataFrame) -> None:
    assert "verdict" not in page.headings(rows)
    compared = ranked(rows)
    first, second = (dict(zip(page.headings(compared), row, strict=True)) for row in page.cells(compared))
    assert (first["difference"], first["verdict"]) == ("-", "reference")
    assert (second["difference"], second["verdict"]) == ("-0.050 (-0.080 to -0.020)", "worse")


def test_every_plot_has_a_caption_and_named_axes(rows: pd.DataFrame) -> None:
    text = page.html(ranked(rows), "two")
    assert text.count("<figcaption>") == 3
    for label in ("macro F1", "macro F1 of the attribute", "seconds of training"):
        assert f">{label}</text>" in text
