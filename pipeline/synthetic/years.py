"""What the years leave on a face: lines and folds that fade in, none of them at 0."""

import numpy as np

from pipeline.synthetic.canvas import Canvas, Stencil
from pipeline.synthetic.person import Person
from pipeline.synthetic.shapes import both, darker, lighter, moved, ribbon


def draw(canvas: Canvas, person: Person, face: Stencil) -> None:
    """Forehead lines, crow's feet, bags under the eyes and folds around nose and mouth."""
    line, depth = darker(person.skin, 0.55), person.wrinkles
    _forehead(canvas, person, face)
    bag = ribbon([(0.2, 0.14), (0.4, 0.215), (0.62, 0.15)], 0.045)
    canvas.paint(*both(bag), colour=line, opacity=0.12 + 0.25 * depth, blur=0.02)
    for bend in (-0.045, 0.0, 0.05):
        foot = ribbon([(0.7, 0.02 + bend), (0.78, 1.9 * bend), (0.86, 0.01 + 2.9 * bend)], 0.026)
        canvas.paint(*both(foot), colour=line, opacity=0.55 * depth, within=face)
    fold = ribbon([(0.2, 0.5), (0.36, 0.66), (0.44, 0.86)], 0.05)
    canvas.paint(*both(fold), colour=line, opacity=0.05 + 0.63 * depth, blur=0.016)
    jowl = ribbon([(0.4, 0.94), (0.44, 1.08), (0.4, 1.2)], 0.04)
    canvas.paint(*both(jowl), colour=line, opacity=0.5 * depth**2, blur=0.016)


def _forehead(canvas: Canvas, person: Person, face: Stencil) -> None:
    wave = np.array([(-0.5, 0.02), (-0.25, -0.025), (0.0, 0.01), (0.25, -0.025), (0.5, 0.02)])
    folds = [ribbon(moved(wave, 0, height), 0.03) for height in (-0.42, -0.53, -0.64)]
    canvas.paint(*folds, colour=darker(person.skin, 0.55), opacity=0.52 * person.wrinkles, within=face)
    light = [moved(fold, 0, 0.03) for fold in folds]
    canvas.paint(*light, colour=lighter(person.skin, 0.6), opacity=0.35 * person.wrinkles, blur=0.02, within=face)
