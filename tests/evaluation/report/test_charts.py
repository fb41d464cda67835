"""charts: the plot of ages marks the scored age bands and those that models are trained on."""

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from pipeline.evaluation.report import charts
from tests.support.run import Run


def test_the_bands_of_every_model_are_marked_beside_the_scored_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Run(tmp_path).sources()
    marked: list[tuple[float, str]] = []
    line = Axes.axvline

    def noted(axes: Axes, x: float, *, color: str, linestyle: str, **settings: float) -> object:
        marked.append((x, to_hex(color)))
        return line(axes, x, color=color, linestyle=linestyle, **settings)

    monkeypatch.setattr(Axes, "axvline", noted)
    bands = {"face": (30, 58), "age": (28, 55), "mask": (30, 60)}
    chart = charts.ages(replace(sources, train_bands=bands))
    colours = {key.label: key.colour for key in chart.keys}
    assert "bands of mask: 30, 60" not in colours
    assert [x for x, _ in marked[:2]] == [29.5, 59.5]
    assert {x for x, colour in marked if colour == colours["bands of face: 30, 58"]} == {57.5}
    assert {x for x, colour in marked if colour == colours["bands of age: 28, 55"]} == {27.5, 54.5}
