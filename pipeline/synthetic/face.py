"""The face: skin, ears, nose, mouth, beard, eyes, brows, glasses and wrinkles."""

import numpy as np

from pipeline.synthetic.drawing import (
    Canvas,
    Line,
    Points,
    Stencil,
    both,
    closed,
    darker,
    ellipse,
    lighter,
    mix,
    moved,
    ribbon,
    symmetric,
)
from pipeline.synthetic.person import Expression, Person

BLUSH = (230.0, 104.0, 94.0)
EYE = (0.42, 0.02)
IRIS, GLOW, LASH = (70.0, 44.0, 30.0), (128.0, 84.0, 54.0), (38.0, 26.0, 26.0)
GOLD = (244.0, 214.0, 130.0)


def draw_face(canvas: Canvas, person: Person, expression: Expression) -> Stencil:
    """Draw the face without its eyes; return the stencil of its skin, for `paint(within=...)`."""
    if person.style.bares_ears:
        _ears(canvas, person)
    contour = _contour(person)
    canvas.paint(contour, colour=person.skin)
    inside = canvas.stencil(contour)
    _shade(canvas, person, inside)
    _beard(canvas, person, inside)
    _nose(canvas, person)
    _mouth(canvas, person, expression)
    return inside


def _contour(person: Person) -> Points:
    jaw, low = person.jaw + 0.05 * person.sag, person.chin
    skull = [(0.0, -1.25), (0.55, -1.14), (0.9, -0.72), (1.0, -0.15), (0.97, 0.32)]
    return symmetric([*skull, (jaw + 0.1, 0.86), (jaw * 0.62 + 0.02, low - 0.14), (0.0, low)])


def _ears(canvas: Canvas, person: Person) -> None:
    canvas.paint(*both(ellipse(1.0, 0.2, 0.16, 0.29, 0.12)), colour=darker(person.skin, 0.06))
    hollow = ellipse(1.03, 0.18, 0.08, 0.17, 0.12)
    canvas.paint(*both(hollow), colour=darker(person.skin, 0.3), opacity=0.5, blur=0.03)
    if person.earrings:
        canvas.paint(*both(ellipse(1.03, 0.5, 0.06, 0.06)), colour=GOLD)


def _shade(canvas: Canvas, person: Person, inside: Stencil) -> None:
    shadow, light, low = darker(person.skin, 0.32), lighter(person.skin, 0.75), person.chin
    right = [(0.72, 1.0), (0.98, 0.3), (0.98, -0.5)]
    rim = ribbon([*((-x, y) for x, y in right[::-1]), (0, low + 0.05), *right], 0.34, (1, 1))
    canvas.paint(rim, colour=shadow, opacity=0.5, blur=0.17, within=inside)
    canvas.paint(*both(ellipse(0.42, -0.06, 0.3, 0.17)), colour=shadow, opacity=0.5, blur=0.1, within=inside)
    canvas.paint(ellipse(-0.1, -0.5, 0.45, 0.2), colour=light, opacity=0.45, blur=0.2, within=inside)
    canvas.paint(ellipse(0, low - 0.16, 0.17, 0.08), colour=light, opacity=0.4, blur=0.08, within=inside)
    canvas.paint(*both(ellipse(0.55, 0.44, 0.22, 0.15)), colour=BLUSH, opacity=person.blush, blur=0.13, within=inside)
    canvas.paint(*both(ellipse(0.52, 0.3, 0.17, 0.07)), colour=light, opacity=0.35, blur=0.08, within=inside)


def _beard(canvas: Canvas, person: Person, inside: Stencil) -> None:
    shadow = mix(darker(person.skin, 0.45), person.brows, 0.35)
    area = symmetric([(0, 0.66), (0.3, 0.66), (0.5, 0.72), (0.86, 0.6), (0.7, 1.2), (0, 1.45)])
    canvas.paint(area, colour=shadow, opacity=0.34 * person.stubble, blur=0.1, within=inside)
    half = ribbon([(0.0, 0.7), (0.2, 0.7), (0.36, 0.8)], 0.11, (0.9, 0.1))
    canvas.paint(*both(half), colour=person.brows, opacity=person.moustache)


def _nose(canvas: Canvas, person: Person) -> None:
    shadow, wide = darker(person.skin, 0.42), 0.17 * person.nose
    bright = lighter(person.skin, 0.8)
    canvas.paint(ribbon([(0.14, -0.12), (0.1, 0.12), (wide * 0.9, 0.4)], 0.1), colour=shadow, opacity=0.4, blur=0.06)
    canvas.paint(ribbon([(-0.14, -0.12), (-0.1, 0.1)], 0.06), colour=shadow, opacity=0.25, blur=0.05)
    canvas.paint(ribbon([(-0.01, -0.1), (-0.015, 0.3)], 0.09), colour=bright, opacity=0.5, blur=0.04)
    canvas.paint(ellipse(0, 0.52, wide, 0.05), colour=shadow, opacity=0.5, blur=0.05)
    canvas.paint(ellipse(-0.02, 0.4, 0.07, 0.055), colour=bright, opacity=0.75, blur=0.035)
    wing = ribbon([(wide, 0.36), (wide * 1.16, 0.45), (wide * 0.9, 0.505)], 0.03)
    canvas.paint(*both(wing), colour=shadow, opacity=0.75)
    nostril = ellipse(wide * 0.48, 0.488, 0.048, 0.024, -0.25)
    canvas.paint(*both(nostril), colour=darker(person.skin, 0.72), opacity=0.85)


def _mouth(canvas: Canvas, person: Person, expression: Expression) -> None:
    smile, full = expression.smile, 1.0 - 0.35 * person.sag
    wide = person.mouth * (0.92 + 0.2 * smile)
    corner = 0.86 - 0.07 * smile + 0.02 * person.sag
    opening = max(0.0, smile - 0.55) * 0.2
    low = 0.86 + 0.03 * smile + opening
    under = ellipse(0, 1.03 + opening, wide * 0.6, 0.04)
    canvas.paint(under, colour=darker(person.skin, 0.4), opacity=0.4, blur=0.05)
    if opening:
        _teeth(canvas, wide, corner, low)
    arch = [(0, 0.8), (0.09, 0.79 - 0.015 * full), (wide * 0.6, 0.82 - 0.02 * smile)]
    canvas.paint(symmetric([*arch, (wide, corner), (wide * 0.5, 0.87), (0, 0.88)]), colour=darker(person.lips, 0.1))
    rim = [(0, low - 0.02), (wide * 0.5, low - 0.02 - 0.02 * smile), (wide * 0.97, corner)]
    lower = symmetric([*rim, (wide * 0.55, low + 0.075 * full), (0, low + 0.105 * full)])
    canvas.paint(lower, colour=person.lips)
    shine = ellipse(-0.04, low + 0.05 * full, wide * 0.3, 0.02)
    canvas.paint(shine, colour=(255, 240, 236), opacity=0.45, blur=0.03)
    if not opening:
        half = ribbon([(0, 0.868), (wide * 0.5, 0.872), (wide * 1.04, corner - 0.01)], 0.026, (1, 0.3))
        canvas.paint(*both(half), colour=darker(person.lips, 0.55))
    dimple = ellipse(wide * 1.08, corner, 0.035, 0.035)
    canvas.paint(*both(dimple), colour=darker(person.skin, 0.45), opacity=0.4, blur=0.03)


def _teeth(canvas: Canvas, wide: float, corner: float, low: float) -> None:
    top = [(0, 0.85), (wide * 0.6, 0.84)]
    hole = symmetric([*top, (wide * 0.95, corner), (wide * 0.55, low + 0.03), (0, low + 0.05)])
    canvas.paint(hole, colour=(110, 40, 44))
    teeth = symmetric([*top, (wide * 0.86, corner + 0.01), (wide * 0.5, low - 0.03), (0, low - 0.015)])
    canvas.paint(teeth, colour=(250, 247, 240))


def draw_eyes(canvas: Canvas, person: Person, expression: Expression) -> None:
    """Draw both eyes with lids, lashes and brows."""
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
    """Return the edges of the right eye's lids: the upper one from the nose outwards, the lower one back."""
    high, droop = 0.125 * person.eye * expression.lids, 0.05 * person.sag
    arch = [(-0.23, 0.045), (-0.12, -high * 0.8), (0.03, -high), (0.15, -high * 0.62 + droop * 0.7), (0.245, droop)]
    return _place(person, arch), _place(person, [(0.14, 0.075), (0.0, 0.095), (-0.13, 0.085)])


def _place(person: Person, points: Line) -> Points:
    return np.asarray(points * np.array((person.eye, 1.0)) + EYE)


def _ball(canvas: Canvas, person: Person, expression: Expression, shapes: tuple[Points, ...]) -> None:
    within = canvas.stencil(*shapes)
    size = 0.118 * (0.5 + 0.5 * person.eye)
    middles = [(side * EYE[0] + expression.gaze, EYE[1] - 0.015) for side in (-1, 1)]
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
    """Draw glasses, rounder for a larger `person.glasses`, and none for 0."""
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


def draw_wrinkles(canvas: Canvas, person: Person, face: Stencil) -> None:
    """Draw forehead lines, crow's feet, bags under the eyes, and folds around nose and mouth."""
    line, depth = darker(person.skin, 0.55), person.wrinkles
    _forehead_lines(canvas, person, face)
    bag = ribbon([(0.2, 0.14), (0.4, 0.215), (0.62, 0.15)], 0.045)
    canvas.paint(*both(bag), colour=line, opacity=0.12 + 0.25 * depth, blur=0.02)
    for bend in (-0.045, 0.0, 0.05):
        foot = ribbon([(0.7, 0.02 + bend), (0.78, 1.9 * bend), (0.86, 0.01 + 2.9 * bend)], 0.026)
        canvas.paint(*both(foot), colour=line, opacity=0.55 * depth, within=face)
    fold = ribbon([(0.2, 0.5), (0.36, 0.66), (0.44, 0.86)], 0.05)
    canvas.paint(*both(fold), colour=line, opacity=0.05 + 0.63 * depth, blur=0.016)
    jowl = ribbon([(0.4, 0.94), (0.44, 1.08), (0.4, 1.2)], 0.04)
    canvas.paint(*both(jowl), colour=line, opacity=0.5 * depth**2, blur=0.016)


def _forehead_lines(canvas: Canvas, person: Person, face: Stencil) -> None:
    wave = np.array([(-0.5, 0.02), (-0.25, -0.025), (0.0, 0.01), (0.25, -0.025), (0.5, 0.02)])
    folds = [ribbon(moved(wave, 0, height), 0.03) for height in (-0.42, -0.53, -0.64)]
    canvas.paint(*folds, colour=darker(person.skin, 0.55), opacity=0.52 * person.wrinkles, within=face)
    light = [moved(fold, 0, 0.03) for fold in folds]
    canvas.paint(*light, colour=lighter(person.skin, 0.6), opacity=0.35 * person.wrinkles, blur=0.02, within=face)
