"""The seven photos of a synthetic person: head, clothes and mask in front of a wall, under a lamp."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from pipeline.formats import images
from pipeline.formats.opencv import cv2
from pipeline.synthetic.body import draw_body, draw_scarf
from pipeline.synthetic.drawing import HEIGHT, WIDTH, Canvas, Pixels, Pose, darker, ellipse, lighter, ribbon
from pipeline.synthetic.face import draw_eyes, draw_face, draw_glasses, draw_wrinkles
from pipeline.synthetic.hair import draw_back_of_head, draw_hair, draw_hair_behind
from pipeline.synthetic.masks import INCORRECT, INCORRECT_PROBABILITIES, MASKS, WORN, Fit, Mask, draw_mask
from pipeline.synthetic.person import Expression, Person

Faceless = Literal["turned away", "wrapped up", "out of frame"]
FACELESS: tuple[Faceless, ...] = get_args(Faceless)
"""Reasons why a photo shows no face."""


def person_photos(
    gender: str, age: float, rng: np.random.Generator, faceless: tuple[str, Faceless] | None = None
) -> Iterator[tuple[str, images.Pixels]]:
    """Draw the seven photos of a new person.

    Args:
        gender: male or female.
        age: Age in years.
        rng: Generator of the person and of all seven photos.
        faceless: Stem of one photo that shows no face, and the reason.

    Yields:
        Stem (mask1 to mask5, incorrect_mask, normal) and pixels of each photo, uint8 RGB (512, 384, 3).
    """
    person = Person.random(gender, age, rng)
    chosen = [MASKS[i] for i in rng.choice(len(MASKS), 5, replace=False)]
    incorrect = INCORRECT[rng.choice(len(INCORRECT), p=INCORRECT_PROBABILITIES)]
    worn: list[tuple[str, Mask | None, Fit]] = [(f"mask{i}", mask, WORN) for i, mask in enumerate(chosen, 1)]
    for stem, mask, fit in [*worn, ("incorrect_mask", chosen[rng.integers(5)], incorrect), ("normal", None, WORN)]:
        reason = faceless[1] if faceless and faceless[0] == stem else None
        yield stem, draw_photo(person, rng, mask, fit, reason)


def draw_photo(
    person: Person,
    rng: np.random.Generator,
    mask: Mask | None = None,
    fit: Fit = WORN,
    faceless: Faceless | None = None,
) -> images.Pixels:
    """Draw one photo, uint8 RGB (512, 384, 3); pose, expression and light are sampled from `rng`."""
    pose, expression = _pose(rng), _expression(rng)
    if faceless == "out of frame":
        pose = replace(pose, y=-1.0 * pose.scale)
    canvas = Canvas(_backdrop(person), pose)
    _draw_wall(canvas, person)
    draw_hair_behind(canvas, person)
    draw_body(canvas, person)
    skin = draw_face(canvas, person, expression)
    draw_wrinkles(canvas, person, skin)
    draw_eyes(canvas, person, expression)
    if mask:
        draw_mask(canvas, mask, fit)
    draw_glasses(canvas, person)
    draw_hair(canvas, person)
    if faceless == "turned away":
        draw_back_of_head(canvas, person)
    if faceless == "wrapped up":
        draw_scarf(canvas, person)
    canvas.pixels *= _light(rng)
    return np.asarray(cv2.merge([cv2.convertScaleAbs(plane) for plane in canvas.pixels]), np.uint8)


def _pose(rng: np.random.Generator) -> Pose:
    return Pose(
        x=WIDTH / 2 + rng.normal(0, 10),
        y=225 + rng.normal(0, 12),
        scale=rng.uniform(74, 92),
        tilt=rng.normal(0, 0.045),
        turn=rng.uniform(-0.17, 0.17),
        nod=rng.normal(0, 0.03),
    )


def _expression(rng: np.random.Generator) -> Expression:
    return Expression(smile=rng.uniform(0.15, 1.0), gaze=rng.normal(0, 0.02), lids=rng.uniform(0.88, 1.05))


def _backdrop(person: Person) -> Pixels:
    """Return the pixels of a wall, float32 (3, height, width): a soft gradient from top to bottom."""
    colours = [lighter(person.backdrop, 0.4), darker(person.backdrop, 0.22)]
    top, bottom = np.array(colours, np.float32)[:, :, None, None]
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    return np.repeat(top + (bottom - top) * down, WIDTH, axis=2)


def _draw_wall(canvas: Canvas, person: Person) -> None:
    """Draw lights out of focus, a round window, or stripes on the wall."""
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


def _light(rng: np.random.Generator) -> Pixels:
    """Return the factors (3, 1, width) of a lamp on one side, bright or dim, warm or cold."""
    colour = rng.uniform(0.92, 1.04) + rng.normal(0, 0.012, (3, 1, 1))
    across = 1 + rng.uniform(-0.14, 0.14) * np.linspace(-1, 1, WIDTH)
    return np.asarray(colour * across, np.float32)
