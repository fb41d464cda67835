"""Hair: behind the head, on it, and the back of a head that is turned away."""

from functools import lru_cache

import numpy as np

from pipeline.synthetic.drawing import (
    Canvas,
    Points,
    Stencil,
    both,
    closed,
    curve,
    darker,
    ellipse,
    lighter,
    moved,
    ribbon,
    symmetric,
)
from pipeline.synthetic.person import Person


def draw_hair_behind(canvas: Canvas, person: Person) -> None:
    """Draw the hair behind neck and shoulders."""
    style = person.style
    if style.tail == "bun":
        _bun(canvas, person)
    if style.tail == "ponytail":
        tail = closed([(0.6, -0.3), (1.25, 0.0), (1.45, 0.9), (1.3, 1.9), (1.0, 2.3), (0.9, 1.2)])
        canvas.paint(tail, colour=darker(person.hair, 0.15))
    if style.length:
        _curtain(canvas, person)


def _bun(canvas: Canvas, person: Person) -> None:
    canvas.paint(ellipse(0, -1.55, 0.42, 0.36), colour=darker(person.hair, 0.1))
    strands = [ribbon([(-0.3, y), (0, y - 0.1), (0.3, y)], 0.04) for y in (-1.65, -1.5, -1.35)]
    canvas.paint(*strands, colour=lighter(person.hair, 0.2), opacity=0.4)


def _curtain(canvas: Canvas, person: Person) -> None:
    wide, low = 1.08 + person.style.volume, person.style.length
    side = [(wide, -0.3), (wide + 0.06, low * 0.5), (wide - 0.02, low - 0.15), (0.6, low)]
    outline = symmetric([(0.0, -1.2), (0.8, -1.0), *side, (0.0, low)])
    canvas.paint(outline, *_curls(outline, person), colour=darker(person.hair, 0.28))
    across = np.linspace(-wide + 0.1, wide - 0.1, 12)
    strands = [ribbon([(x, -0.2), (x * 1.08, low * 0.5), (x, low - 0.12)], 0.05) for x in across]
    canvas.paint(*strands, colour=darker(person.hair, 0.1), opacity=0.5)


def draw_hair(canvas: Canvas, person: Person) -> None:
    """Draw the hair on the head: the cap with its hairline, locks beside the face, strands and shine."""
    crown = _crown(person)
    cap = np.concatenate([crown, _hairline(person)])
    shapes = [cap, *_locks(person), *_curls(crown, person)]
    canvas.paint(moved(cap, 0, 0.06), colour=darker(person.skin, 0.5), opacity=0.6, blur=0.07)
    canvas.paint(*shapes, colour=person.hair)
    inside = canvas.stencil(*shapes)
    _comb(canvas, person, _strands(person), inside)
    shine = ribbon([(-0.8, -0.75), (-0.35, -1.08), (0.3, -1.1), (0.75, -0.8)], 0.16)
    canvas.paint(shine, colour=lighter(person.hair, 0.6), opacity=0.28, blur=0.09, within=inside)


def draw_back_of_head(canvas: Canvas, person: Person) -> None:
    """Draw the back of the head over the face."""
    back = symmetric([(0.0, -1.4), (0.7, -1.2), (1.1, -0.5), (1.08, 0.3), (0.85, 1.0), (0.6, 1.5), (0.0, 1.62)])
    canvas.paint(back, colour=person.hair)
    across = np.random.default_rng(person.texture).uniform(-1, 1, 30)
    strands = [ribbon([(0.1, -1.1), (x, -0.6), (x * 1.02, 0.3), (x * 0.7, 1.45)], 0.04) for x in across]
    _comb(canvas, person, strands, canvas.stencil(back))


def _comb(canvas: Canvas, person: Person, strands: list[Points], inside: Stencil) -> None:
    canvas.paint(*strands[::2], colour=lighter(person.hair, 0.2), opacity=0.45, within=inside)
    canvas.paint(*strands[1::2], colour=darker(person.hair, 0.4), opacity=0.4, within=inside)
    canvas.paint(*strands[::3], colour=(236, 234, 232), opacity=min(0.5, 2 * person.grey), within=inside)


def _crown(person: Person) -> Points:
    """Return the upper outline, from the left sideburn over the top of the head to the right one."""
    volume, low = person.style.volume * (1 - 0.5 * person.recession), person.style.sides
    wide, top = 1.03 + volume * 0.55, -1.2 - volume
    left = [(-1.0, low), (-wide, -0.2), (-wide * 0.94, -0.75), (-0.55, top)]
    return curve([*left, (0.0, top - 0.1), *((-x, y) for x, y in left[::-1])])


def _hairline(person: Person) -> Points:
    """Return the lower outline, from the right sideburn over the forehead to the left one."""
    x = np.linspace(0.86, -0.86, 41)
    low = min(person.style.sides, 0.5)
    front = np.stack([x, _edge(person, x)], axis=1)
    return np.concatenate([[(0.93, low), (0.9, 0.0)], front, [(-0.9, 0.0), (-0.93, low)]])


def _edge(person: Person, x: Points) -> Points:
    """Return the y of the hairline at each x: highest at the parting; it recedes at the temples with age."""
    style, recession = person.style, person.recession
    fringe = style.fringe * (1 - 0.8 * recession)
    opening = (1 - style.fringe**4) * np.exp(-(((x - style.part) / 0.3) ** 2))
    temples = 0.34 * np.abs(x / 0.86) ** 6 - 0.16 * recession * np.exp(-(((np.abs(x) - 0.55) / 0.2) ** 2))
    tips = 0.03 * fringe * np.sin(23 * x + person.texture % 7)
    return np.asarray(-0.87 - 0.2 * recession + 0.55 * fringe * (1 - opening) + temples + tips)


def _locks(person: Person) -> tuple[Points, ...]:
    low = person.style.sides
    if person.style.bares_ears:
        return ()
    outer = [(0.86, -0.6), (1.12, -0.1), (1.22, low * 0.6), (1.12, low)]
    return both(closed([*outer, (0.95, low * 0.95), (0.88, 0.4), (0.82, -0.2)]))


@lru_cache(maxsize=1)  # the seven photos of a person follow one another
def _strands(person: Person) -> list[Points]:
    """Return fine lines from the parting down over the cap."""
    rng = np.random.default_rng(person.texture)
    top, part = -1.24 - person.style.volume, 0.7 * person.style.part
    across = np.sort(rng.uniform(-1.0, 1.0, 36))
    ends = np.where(np.abs(across) < 0.86, _edge(person, across), 0.1) + rng.normal(0, 0.05, 36)
    starts, bends = part + 0.12 * (across - part), 0.4 * part + 0.68 * across
    bend_heights = top + 0.22 + 0.12 * np.abs(across)
    return [
        ribbon([(start, top + 0.03), (bend, height), (x, y)], 0.028)
        for start, bend, height, x, y in zip(starts, bends, bend_heights, across, ends, strict=True)
    ]


def _curls(outline: Points, person: Person) -> list[Points]:
    """Return round locks along an outline, of the size `style.curls`."""
    size = person.style.curls
    if not size:
        return []
    steps = np.hypot(*np.diff(outline, axis=0).T)
    spots = outline[np.searchsorted(np.cumsum(steps), np.arange(0.0, steps.sum(), 1.25 * size))]
    sizes = size * np.random.default_rng(person.texture).uniform(0.8, 1.2, len(spots))
    return [ellipse(x, y, radius, radius) for (x, y), radius in zip(spots, sizes, strict=True)]
