"""The body: neck, shoulders and clothes, and a scarf that hides the face."""

from collections.abc import Callable

import numpy as np

from pipeline.synthetic.drawing import Canvas, both, closed, darker, ellipse, lighter, moved, ribbon, symmetric
from pipeline.synthetic.person import Person

NECKLINE = [(-0.52, 1.84), (-0.32, 2.15), (0, 2.27), (0.32, 2.15), (0.52, 1.84)]


def draw_body(canvas: Canvas, person: Person) -> None:
    """Draw neck, shoulders and clothes."""
    _neck(canvas, person)
    broad = 1.55 + 1.4 * (person.jaw - 0.66)
    shoulder = [(0.3, 2.16), (0.5, 1.86), (broad * 0.75, 2.06), (broad, 2.5), (broad + 0.15, 4.5), (broad + 0.3, 7.0)]
    torso = symmetric([(0, 2.26), *shoulder, (0, 7.2)])
    canvas.paint(torso, colour=person.cloth)
    sleeve = ribbon([(broad, 2.2), (broad + 0.15, 4), (broad + 0.2, 7)], 0.5, (0.5, 1))
    shadow = darker(person.cloth, 0.5)
    canvas.paint(*both(sleeve), colour=shadow, opacity=0.5, blur=0.2, within=canvas.stencil(torso))
    COLLARS[person.collar](canvas, person)


def _neck(canvas: Canvas, person: Person) -> None:
    wide = 0.48 + 0.5 * (person.jaw - 0.66)
    neck = symmetric([(0, 0.6), (wide, 0.7), (wide, 1.5), (wide + 0.2, 1.95), (0.7, 2.4), (0, 2.6)])
    canvas.paint(neck, colour=darker(person.skin, 0.1))
    shadow = ellipse(0, 1.4, 0.6, 0.3)
    canvas.paint(shadow, colour=darker(person.skin, 0.5), opacity=0.55, blur=0.14, within=canvas.stencil(neck))


def _crew(canvas: Canvas, person: Person) -> None:
    canvas.paint(ribbon(NECKLINE, 0.11, (1, 1)), colour=darker(person.cloth, 0.18))


def _hood(canvas: Canvas, person: Person) -> None:
    hood = closed([(0.45, 1.7), (0.85, 1.85), (0.7, 2.3), (0.1, 2.5), (0.3, 2.15)])
    canvas.paint(*both(hood), colour=lighter(person.cloth, 0.12))
    cord = ribbon([(0.2, 2.35), (0.22, 2.7), (0.2, 3.0)], 0.05, (1, 1))
    canvas.paint(*both(cord), colour=(250, 248, 244))


def _shirt(canvas: Canvas, person: Person) -> None:
    canvas.paint(ribbon([(0, 2.3), (0, 4), (0, 7)], 0.03, (1, 1)), colour=darker(person.cloth, 0.3))
    flap = closed([(0.46, 1.72), (0.62, 1.9), (0.5, 2.42), (0.28, 2.3), (0.0, 2.3), (0.3, 2.1)])
    canvas.paint(*both(moved(flap, 0, 0.03)), colour=darker(person.cloth, 0.5), opacity=0.5, blur=0.04)
    canvas.paint(*both(flap), colour=lighter(person.cloth, 0.25))


def _cardigan(canvas: Canvas, person: Person) -> None:
    opening = closed([(-0.5, 1.85), (0.5, 1.85), (0.25, 2.4), (0, 2.75), (-0.25, 2.4)])
    canvas.paint(opening, colour=person.accent)
    canvas.paint(ribbon(NECKLINE, 0.09, (1, 1)), colour=darker(person.accent, 0.2))
    border = ribbon([(0.54, 1.84), (0.3, 2.35), (0, 2.78)], 0.1, (1, 1))
    canvas.paint(*both(border), colour=darker(person.cloth, 0.2))


COLLARS: dict[str, Callable[[Canvas, Person], None]] = {
    "crew": _crew,
    "hood": _hood,
    "shirt": _shirt,
    "cardigan": _cardigan,
}


def draw_scarf(canvas: Canvas, person: Person) -> None:
    """Draw a big scarf and a woollen cap, which hide the whole face."""
    scarf = symmetric([(0, -0.35), (0.9, -0.35), (1.2, 0.4), (1.25, 1.4), (1.1, 2.0), (0.6, 2.3), (0, 2.4)])
    canvas.paint(scarf, colour=person.accent)
    fold = np.array([(-1.3, 0.0), (-0.3, 0.28), (0.5, 0.22), (1.3, -0.1)])
    folds = [ribbon(moved(fold, 0, y), 0.14) for y in np.arange(-0.3, 2.4, 0.32)]
    shadow = darker(person.accent, 0.4)
    canvas.paint(*folds, colour=shadow, opacity=0.6, blur=0.05, within=canvas.stencil(scarf))
    cap = symmetric([(0, -1.75), (0.7, -1.6), (1.15, -1.0), (1.2, -0.3), (0.6, -0.12), (0, -0.08)])
    canvas.paint(cap, colour=person.cloth)
    brim = ribbon([(-1.18, -0.4), (0, -0.2), (1.18, -0.4)], 0.42, (1, 1))
    canvas.paint(brim, colour=lighter(person.cloth, 0.2))
    canvas.paint(ellipse(0, -1.85, 0.26, 0.26), colour=lighter(person.cloth, 0.3))
