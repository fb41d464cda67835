"""Masks of several kinds, worn as they should be or not."""

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.canvas import Canvas, Points, Stencil
from pipeline.synthetic.fabrics import WHITE, Mask, draw_fabric
from pipeline.synthetic.shapes import both, darker, ellipse, lighter, moved, ribbon, symmetric

HEMS: dict[str, list[tuple[float, float]]] = {
    "surgical": [(0, 0.14), (0.3, 0.2), (0.95, 0.42), (0.93, 0.7), (0.82, 1.04), (0.5, 1.38), (0, 1.5)],
    "folded": [(0, 0.1), (0.2, 0.17), (0.55, 0.38), (0.94, 0.56), (0.93, 0.74), (0.66, 1.15), (0.3, 1.48), (0, 1.54)],
    "cloth": [(0, 0.12), (0.22, 0.2), (0.6, 0.4), (0.96, 0.46), (0.94, 0.66), (0.78, 1.02), (0.4, 1.42), (0, 1.5)],
}
"""Right half of the outline of each cut."""


@dataclass(frozen=True)
class Fit:
    """How a mask sits: moved down by `drop` head units, its width and height multiplied."""

    drop: float = 0.0
    height: float = 1.0
    width: float = 1.0

    def place(self, points: Points) -> Points:
        """Where points of a well-worn mask (its top edge at 0.2, its bottom at 1.5) come to lie."""
        return np.asarray((points - (0, 0.2)) * (self.width, self.height) + (0, 0.2 + self.drop))


WORN = Fit()
NOSE_OUT = Fit(drop=0.48, height=0.75)
UNDER_CHIN = Fit(drop=0.86, height=0.42, width=0.9)
OVER_EYES = Fit(drop=-0.52, height=0.72, width=1.06)
WRONG = (NOSE_OUT, UNDER_CHIN, OVER_EYES)
WRONG_SHARES = (0.55, 0.35, 0.1)


def draw(canvas: Canvas, mask: Mask, fit: Fit) -> None:
    """The mask with its ear loops."""
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
