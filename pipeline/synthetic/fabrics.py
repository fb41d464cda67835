"""What masks are made of: their kinds and colours, pleats, folds, seams and prints."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.canvas import Canvas, Colour, Stencil
from pipeline.synthetic.shapes import closed, darker, ellipse, lighter, moved, ribbon

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
    """What is to be seen on a mask of this kind, within its outline."""
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
