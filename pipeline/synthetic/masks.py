"""Masks of several fabrics, worn correctly or incorrectly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.drawing import (
    Canvas,
    Colour,
    Points,
    Stencil,
    both,
    closed,
    darker,
    ellipse,
    lighter,
    moved,
    ribbon,
    symmetric,
)

WHITE, BLACK = (246.0, 247.0, 248.0), (44.0, 44.0, 50.0)


@dataclass(frozen=True)
class Mask:
    """A kind of mask (a key of `FABRICS`) and its colours."""

    kind: str
    colour: Colour
    accent: Colour = WHITE


MASKS = (
    Mask("surgical", (150, 202, 226)),
    Mask("surgical", (126, 190, 186)),
    Mask("surgical", (172, 162, 214)),
    Mask("surgical", WHITE),
    Mask("folded", WHITE),
    Mask("folded", BLACK),
    Mask("folded", (206, 214, 222)),
    Mask("cloth", BLACK),
    Mask("cloth", (110, 116, 128)),
    Mask("cloth", (212, 96, 124)),
    Mask("cloth", (72, 92, 136)),
    Mask("dotted", (84, 108, 160)),
    Mask("dotted", (214, 96, 106)),
    Mask("flowers", (244, 226, 208), (222, 110, 124)),
    Mask("flowers", (112, 146, 128), (250, 220, 150)),
    Mask("checked", (240, 236, 228), (96, 130, 170)),
    Mask("checked", (244, 232, 226), (196, 78, 82)),
)
SPOTS = np.array([(0.27 * (column + 0.5 * (row % 2)), 0.32 + 0.2 * row) for row in range(7) for column in range(-4, 4)])
PETALS = 0.05 * np.array([(1.0, 0.0), (0.3, 0.95), (-0.8, 0.6), (-0.8, -0.6), (0.3, -0.95)])


def draw_fabric(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    """Draw the fabric of a mask (pleats, folds, a seam or a print) within its outline."""
    FABRICS[mask.kind](canvas, mask, inside)


def _pleats(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    folds = [ribbon([(-0.95, y - 0.02), (0, y + 0.06), (0.95, y - 0.02)], 0.035, (1, 1)) for y in (0.62, 0.86, 1.1)]
    canvas.paint(*folds, colour=darker(mask.colour, 0.35), opacity=0.55, blur=0.012, within=inside)
    light = [moved(fold, 0, -0.04) for fold in folds]
    canvas.paint(*light, colour=lighter(mask.colour, 0.7), opacity=0.6, blur=0.012, within=inside)
    wire = ribbon([(-0.32, 0.29), (0, 0.21), (0.32, 0.29)], 0.06, (1, 1))
    canvas.paint(wire, colour=darker(mask.colour, 0.2), opacity=0.5, within=inside)


def _folds(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    shadow = darker(mask.colour, 0.45)
    low = [(-0.93, 0.74), (-0.5, 0.98), (0, 1.04), (0.5, 0.98), (0.93, 0.74)]
    canvas.paint(closed([*low, (0.5, 1.5), (-0.5, 1.5)]), colour=shadow, opacity=0.35, within=inside)
    upper = ribbon([(-0.95, 0.56), (0, 0.6), (0.95, 0.56)], 0.05, (0.8, 0.8))
    lower = ribbon(low, 0.05, (0.8, 0.8))
    canvas.paint(upper, lower, colour=shadow, opacity=0.6, blur=0.014, within=inside)
    canvas.paint(moved(upper, 0, -0.05), colour=lighter(mask.colour, 0.5), opacity=0.5, blur=0.014, within=inside)


def _seam(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    line = ribbon([(0, 0.1), (0.02, 0.7), (0, 1.5)], 0.03, (1, 1))
    canvas.paint(line, colour=darker(mask.colour, 0.5), opacity=0.7, within=inside)
    light = moved(line, -0.035, 0)
    canvas.paint(light, colour=lighter(mask.colour, 0.4), opacity=0.35, blur=0.012, within=inside)


def _dots(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    dots = [ellipse(x, y, 0.05, 0.05) for x, y in SPOTS]
    canvas.paint(*dots, colour=mask.accent, opacity=0.85, within=inside)


def _flowers(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    petals = [ellipse(x, y, 0.042, 0.042) for spot in SPOTS for x, y in spot + PETALS]
    canvas.paint(*petals, colour=mask.accent, within=inside)
    canvas.paint(*(ellipse(x, y, 0.03, 0.03) for x, y in SPOTS), colour=(252, 236, 180), within=inside)


def _checks(canvas: Canvas, mask: Mask, inside: Stencil) -> None:
    columns = [ribbon([(x, 0.0), (x, 0.8), (x, 1.6)], 0.1, (1, 1)) for x in np.arange(-0.8, 1, 0.2)]
    rows = [ribbon([(-1, y), (0, y + 0.05), (1, y)], 0.1, (1, 1)) for y in np.arange(0.2, 1.6, 0.2)]
    for bars in (columns, rows):
        canvas.paint(*bars, colour=mask.accent, opacity=0.5, within=inside)


FABRICS: dict[str, Callable[[Canvas, Mask, Stencil], None]] = {
    "surgical": _pleats,
    "folded": _folds,
    "cloth": _seam,
    "dotted": _dots,
    "flowers": _flowers,
    "checked": _checks,
}


HEMS: dict[str, list[tuple[float, float]]] = {
    "surgical": [(0, 0.14), (0.3, 0.2), (0.95, 0.42), (0.93, 0.7), (0.82, 1.04), (0.5, 1.38), (0, 1.5)],
    "folded": [(0, 0.1), (0.2, 0.17), (0.55, 0.38), (0.94, 0.56), (0.93, 0.74), (0.66, 1.15), (0.3, 1.48), (0, 1.54)],
    "cloth": [(0, 0.12), (0.22, 0.2), (0.6, 0.4), (0.96, 0.46), (0.94, 0.66), (0.78, 1.02), (0.4, 1.42), (0, 1.5)],
}
"""Right half of the outline of each cut; all other kinds have the cut of cloth."""


@dataclass(frozen=True)
class Fit:
    """The position of a mask: moved down by `drop` head units, with `width` and `height` as factors."""

    drop: float = 0.0
    height: float = 1.0
    width: float = 1.0

    def place(self, points: Points) -> Points:
        """Map points of a correctly worn mask (top edge at y = 0.2, bottom at 1.5) to this fit."""
        return np.asarray((points - (0, 0.2)) * (self.width, self.height) + (0, 0.2 + self.drop))


WORN = Fit()
NOSE_OUT = Fit(drop=0.48, height=0.75)
UNDER_CHIN = Fit(drop=0.86, height=0.42, width=0.9)
OVER_EYES = Fit(drop=-0.52, height=0.72, width=1.06)
INCORRECT = (NOSE_OUT, UNDER_CHIN, OVER_EYES)
INCORRECT_PROBABILITIES = (0.55, 0.35, 0.1)


def draw_mask(canvas: Canvas, mask: Mask, fit: Fit) -> None:
    """Draw the mask with its ear loops."""
    _loops(canvas, mask, fit)
    canvas = canvas.placing(fit.place)
    hem = symmetric(HEMS.get(mask.kind, HEMS["cloth"]))
    canvas.paint(moved(hem, 0, 0.05), colour=(70, 40, 34), opacity=0.4, blur=0.06)
    canvas.paint(hem, colour=mask.colour)
    inside = canvas.stencil(hem)
    draw_fabric(canvas, mask, inside)
    _shade(canvas, mask, hem, inside)


def _loops(canvas: Canvas, mask: Mask, fit: Fit) -> None:
    colour = WHITE if mask.kind == "surgical" else lighter(mask.colour, 0.15)
    corners = fit.place(np.array([(0.92, 0.45), (0.86, 0.98)]))
    loops = [both(ribbon([(x, y), (0.98, (y + 0.2) / 2), (1.06, 0.1)], 0.045, (1, 1))) for x, y in corners]
    canvas.paint(*loops[0], *loops[1], colour=darker(colour, 0.08))


def _shade(canvas: Canvas, mask: Mask, hem: Points, inside: Stencil) -> None:
    dark, light = darker(mask.colour, 0.55), lighter(mask.colour, 0.5)
    edge = ribbon([(1.0, 0.35), (0.9, 0.9), (0.45, 1.5)], 0.42, (0.6, 0.6))
    canvas.paint(*both(edge), colour=dark, opacity=0.42, blur=0.14, within=inside)
    canvas.paint(ellipse(0, 1.45, 0.6, 0.12), colour=dark, opacity=0.4, blur=0.1, within=inside)
    canvas.paint(ellipse(-0.08, 0.62, 0.3, 0.18), colour=light, opacity=0.4, blur=0.16, within=inside)
    middle = hem.mean(axis=0)
    border = np.concatenate([hem, ((hem - middle) * 0.955 + middle)[::-1]])
    canvas.paint(border, colour=dark, opacity=0.22)
