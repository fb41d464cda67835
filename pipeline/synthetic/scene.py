"""The wall behind a person and the light on both."""

import numpy as np

from pipeline.synthetic.canvas import HEIGHT, WIDTH, Canvas, Pixels
from pipeline.synthetic.person import Person
from pipeline.synthetic.shapes import darker, ellipse, lighter, ribbon


def backdrop(person: Person) -> Pixels:
    """Fresh pixels of a wall, float32 (3, height, width): a soft gradient from top to bottom."""
    colours = [lighter(person.backdrop, 0.4), darker(person.backdrop, 0.22)]
    top, bottom = np.array(colours, np.float32)[:, :, None, None]
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    return np.repeat(top + (bottom - top) * down, WIDTH, axis=2)


def draw_wall(canvas: Canvas, person: Person) -> None:
    """What is on the wall: lights out of focus, a round window, or stripes."""
    pale = lighter(person.backdrop, 0.7)
    if person.wall == "lights":
        lights = np.random.default_rng(person.texture).uniform((-2.4, -2.6, 0.15), (2.4, 1.5, 0.5), (7, 3))
        for x, y, size in lights:
            canvas.paint(ellipse(x, y, size, size), colour=pale, opacity=0.4, blur=0.06)
    elif person.wall == "window":
        canvas.paint(ellipse(0, -0.1, 1.95, 1.95), colour=pale, opacity=0.6, blur=0.08)
    else:
        stripes = [ribbon([(x, -4), (x, 0), (x, 4)], 0.5, (1, 1)) for x in (-2.1, -0.7, 0.7, 2.1)]
        canvas.paint(*stripes, colour=pale, opacity=0.35)


def light(rng: np.random.Generator) -> Pixels:
    """Factors (3, 1, width) of a lamp that stands on one side, bright or dim, warm or cold."""
    colour = rng.uniform(0.92, 1.04) + rng.normal(0, 0.012, (3, 1, 1))
    across = 1 + rng.uniform(-0.14, 0.14) * np.linspace(-1, 1, WIDTH)
    return np.asarray(colour * across, np.float32)
