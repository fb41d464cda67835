"""Eyes with lids and lashes, brows, and glasses."""

import numpy as np

from pipeline.synthetic.canvas import Canvas, Points
from pipeline.synthetic.person import Expression, Person
from pipeline.synthetic.shapes import Line, both, closed, darker, ellipse, mix, moved, ribbon

MIDDLE = (0.42, 0.02)
IRIS, GLOW, LASH = (70.0, 44.0, 30.0), (128.0, 84.0, 54.0), (38.0, 26.0, 26.0)


def draw(canvas: Canvas, person: Person, expression: Expression) -> None:
    """Both eyes with their brows."""
    upper, lower = _lids(person, expression)
    shapes = both(closed(np.concatenate([upper, lower])))
    canvas.paint(*shapes, colour=(248, 246, 243))
    _ball(canvas, person, expression, shapes)
    _lashes(canvas, person, upper)
    crease = ribbon(moved(upper[1:] * (1.02, 1), 0, -0.065), 0.022)
    canvas.paint(*both(crease), colour=darker(person.skin, 0.5), opacity=0.55)
    rim = ribbon(lower, 0.016)
    canvas.paint(*both(rim), colour=darker(person.skin, 0.55), opacity=0.6)
    _brows(canvas, person)


def _lids(person: Person, expression: Expression) -> tuple[Points, Points]:
    """The upper lid's edge from the nose outwards and the lower one's back again, of the right eye."""
    high, droop = 0.125 * person.eye * expression.lids, 0.05 * person.sag
    arch = [(-0.23, 0.045), (-0.12, -high * 0.8), (0.03, -high), (0.15, -high * 0.62 + droop * 0.7), (0.245, droop)]
    return _place(person, arch), _place(person, [(0.14, 0.075), (0.0, 0.095), (-0.13, 0.085)])


def _place(person: Person, points: Line) -> Points:
    return np.asarray(points * np.array((person.eye, 1.0)) + MIDDLE)


def _ball(canvas: Canvas, person: Person, expression: Expression, shapes: tuple[Points, ...]) -> None:
    within = canvas.stencil(*shapes)
    size = 0.118 * (0.5 + 0.5 * person.eye)
    middles = [(side * MIDDLE[0] + expression.gaze, MIDDLE[1] - 0.015) for side in (-1, 1)]
    canvas.paint(*(ellipse(x, y, size, size) for x, y in middles), colour=IRIS, within=within)
    glow = [ellipse(x, y + 0.035, size * 0.65, size * 0.5) for x, y in middles]
    canvas.paint(*glow, colour=GLOW, opacity=0.7, blur=0.03, within=within)
    canvas.paint(*(ellipse(x, y, size * 0.5, size * 0.5) for x, y in middles), colour=(18, 14, 14), within=within)
    large = [ellipse(x - 0.035, y - 0.045, 0.03, 0.03) for x, y in middles]
    small = [ellipse(x + 0.04, y + 0.04, 0.014, 0.014) for x, y in middles]
    canvas.paint(*large, *small, colour=(255, 255, 255), opacity=0.95)


def _lashes(canvas: Canvas, person: Person, upper: Points) -> None:
    lash = ribbon(upper, 0.035 + 0.035 * person.lashes, (0.3, 0.8))
    canvas.paint(*both(moved(lash, 0, 0.025)), colour=(60, 50, 60), opacity=0.25, blur=0.02)
    canvas.paint(*both(lash), colour=mix(LASH, (96, 70, 60), 0.2 * person.grey))
    corner = upper[-1]
    flick = ribbon(
        [moved(corner, -0.06, -0.03), moved(corner, 0.01, -0.035), moved(corner, 0.08, -0.1)], 0.05 * person.lashes
    )
    canvas.paint(*both(flick), colour=LASH, opacity=min(1.0, 2 * person.lashes))


def _brows(canvas: Canvas, person: Person) -> None:
    droop = 0.07 * person.sag
    line = [(0.17, -0.225), (0.36, -0.295), (0.54, -0.275 + droop * 0.5), (0.7, -0.19 + droop)]
    soft, firm = ribbon(line, person.brow * 1.5, (0.75, 0.1)), ribbon(line, person.brow, (0.6, 0.1))
    canvas.paint(*both(soft), colour=person.brows, opacity=0.55, blur=0.014)
    canvas.paint(*both(firm), colour=person.brows, opacity=0.85)


def draw_glasses(canvas: Canvas, person: Person) -> None:
    """Glasses, the rounder the larger `person.glasses`; none at 0."""
    if not person.glasses:
        return
    high = 0.16 + 0.09 * person.glasses
    upper = [(0.13, 0.05), (0.18, 0.05 - high), (0.43, 0.03 - high), (0.7, 0.05 - high), (0.76, 0.03)]
    lens = closed([*upper, (0.68, 0.05 + high * 0.9), (0.43, 0.09 + high), (0.2, 0.05 + high * 0.85)])
    canvas.paint(*both(lens), colour=(255, 255, 255), opacity=0.1)
    rim = np.concatenate([lens, lens[:1]])
    frame = np.concatenate([rim, ((rim - lens.mean(axis=0)) * 0.89 + lens.mean(axis=0))[::-1]])
    bow = ribbon([(0.74, 0.0), (0.9, -0.02), (1.04, 0.02)], 0.045, (1, 1))
    bridge = ribbon([(-0.14, 0.02), (0, -0.03), (0.14, 0.02)], 0.045, (1, 1))
    canvas.paint(*both(frame), *both(bow), bridge, colour=person.frame)
