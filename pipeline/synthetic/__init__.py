"""Drawn people: seven images of each, whose age and gender can be seen."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pipeline.formats.opencv import cv2
from pipeline.synthetic import body, eyes, face, hair, masks, scene, years
from pipeline.synthetic.canvas import HEIGHT, WIDTH, Canvas, Pose
from pipeline.synthetic.fabrics import MASKS, Mask
from pipeline.synthetic.masks import Fit
from pipeline.synthetic.person import Expression, Person

__all__ = ["FACELESS", "HEIGHT", "WIDTH", "Faceless", "Person", "photo", "seven"]

Faceless = Literal["turned away", "wrapped up", "out of frame"]
FACELESS: tuple[Faceless, ...] = get_args(Faceless)
"""Why a image may show no face."""


def seven(
    gender: str, age: float, rng: np.random.Generator, faceless: tuple[str, Faceless] | None = None
) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """Stem (mask1..mask5, incorrect_mask, normal) and image of all seven of a new person.

    `faceless` names one stem whose image shows no face, and why.
    """
    person = Person.imagine(gender, age, rng)
    chosen = [MASKS[i] for i in rng.choice(len(MASKS), 5, replace=False)]
    wrong = masks.WRONG[rng.choice(len(masks.WRONG), p=masks.WRONG_SHARES)]
    worn: list[tuple[str, Mask | None, Fit]] = [(f"mask{i}", mask, masks.WORN) for i, mask in enumerate(chosen, 1)]
    for stem, mask, fit in [*worn, ("incorrect_mask", chosen[rng.integers(5)], wrong), ("normal", None, masks.WORN)]:
        reason = faceless[1] if faceless and faceless[0] == stem else None
        yield stem, photo(person, rng, mask, fit, reason)


def photo(
    person: Person,
    rng: np.random.Generator,
    mask: Mask | None = None,
    fit: Fit = masks.WORN,
    faceless: Faceless | None = None,
) -> npt.NDArray[np.uint8]:
    """One image, uint8 RGB (512, 384, 3): pose, expression and light are drawn from `rng`."""
    pose, expression = _pose(rng), _expression(rng)
    if faceless == "out of frame":
        pose = replace(pose, y=-1.0 * pose.scale)
    canvas = Canvas(scene.backdrop(person), pose)
    scene.draw_wall(canvas, person)
    hair.draw_back(canvas, person)
    body.draw(canvas, person)
    skin = face.draw(canvas, person, expression)
    years.draw(canvas, person, skin)
    eyes.draw(canvas, person, expression)
    if mask:
        masks.draw(canvas, mask, fit)
    eyes.draw_glasses(canvas, person)
    hair.draw_front(canvas, person)
    if faceless == "turned away":
        hair.draw_away(canvas, person)
    if faceless == "wrapped up":
        body.draw_scarf(canvas, person)
    canvas.pixels *= scene.light(rng)
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
