"""The looks of a person: random traits whose distributions depend on gender and age in years."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from pipeline.synthetic.drawing import Colour, mix


@dataclass(frozen=True)
class Style:
    """A hairstyle and its wearers: most frequent at `age`, rarer beyond `spread` years from it."""

    name: str
    genders: tuple[str, ...]
    age: float
    spread: float
    weight: float = 1.0
    length: float = 0.0
    """Lowest y of the hair behind the head; 0 for short hair."""
    volume: float = 0.14
    fringe: float = 0.0
    """How much of the forehead the fringe covers, 0 to 1."""
    part: float = 0.0
    """Position of the parting, -1 to 1."""
    sides: float = 0.3
    """Lowest y of the hair in front of the ears."""
    curls: float = 0.0
    tail: Literal["", "bun", "ponytail"] = ""

    @property
    def bares_ears(self) -> bool:
        """Whether the side hair ends above the jaw."""
        return self.sides < 0.9


STYLES = (
    Style("curtain", ("male",), 23, 9, 1.2, fringe=0.55, part=0.1, volume=0.2),
    Style("bowl", ("male",), 21, 8, 1.2, fringe=0.84, volume=0.17),
    Style("quiff", ("male",), 25, 8, volume=0.27, part=-0.5),
    Style("waves", ("male",), 23, 8, 0.7, fringe=0.7, volume=0.2, curls=0.15),
    Style("side", ("male",), 46, 13, 1.5, part=0.55, fringe=0.22, volume=0.13),
    Style("crop", ("male",), 47, 18, 0.7, volume=0.07, sides=0.2),
    Style("combed", ("male",), 60, 12, 1.2, part=-0.6, volume=0.1),
    Style("fringe", ("female",), 21, 9, 1.2, length=2.3, fringe=0.84, sides=1.2),
    Style("long", ("female",), 24, 9, 1.5, length=2.6, part=0.15, fringe=0.3, sides=1.6),
    Style("ponytail", ("female",), 24, 10, fringe=0.35, part=-0.3, tail="ponytail", sides=0.5),
    Style("bun", ("female",), 26, 10, 0.8, fringe=0.2, part=0.1, tail="bun", sides=0.45),
    Style("bob", ("female",), 41, 13, 1.3, length=1.25, fringe=0.3, part=0.4, sides=1.1, volume=0.18),
    Style("shoulder", ("female",), 43, 11, 1.3, length=1.9, part=-0.35, fringe=0.25, sides=1.3, curls=0.16),
    Style("short", ("female",), 52, 14, 0.7, fringe=0.45, part=0.45, sides=0.45, volume=0.2),
    Style("perm", ("female",), 59, 11, 1.8, length=0.65, fringe=0.3, sides=0.55, volume=0.24, curls=0.17),
)


FAIR, TAN = (252.0, 226.0, 203.0), (219.0, 170.0, 130.0)
BLACK, BROWN, SILVER = (34.0, 28.0, 30.0), (104.0, 66.0, 44.0), (166.0, 164.0, 166.0)
CLOTHES: tuple[Colour, ...] = (
    (58, 84, 128), (196, 84, 78), (240, 236, 226), (70, 72, 80), (92, 138, 112), (226, 178, 92),
    (150, 118, 168), (112, 160, 196), (234, 160, 164), (140, 104, 82), (46, 58, 72), (190, 200, 176),
)  # fmt: skip
BACKDROPS: tuple[Colour, ...] = (
    (206, 222, 232), (236, 222, 204), (214, 228, 208), (232, 210, 212), (220, 214, 232),
    (240, 232, 196), (200, 216, 216), (226, 226, 224), (188, 200, 214), (238, 214, 190),
)  # fmt: skip

WALLS = ("lights", "window", "stripes")


@dataclass(frozen=True)
class Expression:
    """The expression in one photo: smile from 0 to 1, gaze in head units, lids from 0 (closed) to 1."""

    smile: float
    gaze: float
    lids: float


@dataclass(frozen=True)
class Person:
    """The traits that all photos of a person share. Lengths are in head units, intensities run from 0 to 1."""

    skin: Colour
    hair: Colour
    brows: Colour
    lips: Colour
    style: Style
    jaw: float
    chin: float
    eye: float
    lashes: float
    brow: float
    nose: float
    mouth: float
    wrinkles: float
    sag: float
    blush: float
    grey: float
    recession: float
    stubble: float
    moustache: float
    earrings: bool
    glasses: float
    frame: Colour
    cloth: Colour
    accent: Colour
    collar: str
    backdrop: Colour
    wall: str
    texture: int

    @classmethod
    def random(cls, gender: str, age: float, rng: np.random.Generator) -> Self:
        """Return a random person of a gender (male, female) and an age in years."""
        man = float(gender == "male")
        looks = age + rng.normal(0, 1.5)
        old = ramp(looks, 26, 64)
        mature = ramp(looks, 26, 36)
        grey = ramp(looks + rng.normal(0, 2.0), 43, 62) ** 1.8
        skin = mix(FAIR, TAN, float(np.clip(rng.beta(1.6, 2.4) + 0.15 * man - 0.05 + 0.1 * old, 0, 1)))
        dyed = (1 - mature) * rng.uniform(0.25, 1)
        natural = mix(BLACK, BROWN, 0.2 * rng.random() + 0.8 * dyed * (1 - 0.4 * man))
        cloth, accent = (CLOTHES[i] for i in rng.choice(len(CLOTHES), 2, replace=False))
        return cls(
            skin=skin,
            hair=mix(natural, SILVER, 0.85 * grey),
            brows=mix(mix(natural, (60, 44, 38), 0.3), SILVER, 0.45 * grey),
            lips=mix(mix(skin, (186, 92, 84), 0.42), (206, 58, 76), (1 - man) * rng.uniform(0.35, 0.8)),
            style=_style(gender, looks, rng),
            jaw=0.66 + 0.15 * man + 0.05 * old + rng.normal(0, 0.025),
            chin=1.34 + 0.07 * man + rng.normal(0, 0.035),
            eye=1.08 - 0.13 * man - 0.11 * old + rng.normal(0, 0.045),
            lashes=(1 - man) * rng.uniform(0.6, 1.0) * (1 - 0.4 * old),
            brow=0.062 + 0.062 * man + rng.normal(0, 0.01),
            nose=0.94 + 0.16 * man + 0.12 * old + rng.normal(0, 0.05),
            mouth=0.36 + 0.02 * man + rng.normal(0, 0.02),
            wrinkles=float(np.clip(0.28 * mature + 0.72 * old**2 + rng.normal(0, 0.04), 0, 1)),
            sag=float(np.clip(old + rng.normal(0, 0.06), 0, 1)),
            blush=0.36 - 0.24 * mature,
            grey=grey,
            recession=man * ramp(looks + rng.normal(0, 4), 34, 66),
            stubble=man * rng.uniform(0.1, 0.8),
            moustache=man * float(rng.random() < 0.08 + 0.2 * old) * rng.uniform(0.6, 1.0),
            earrings=bool(rng.random() < 0.75 * (1 - man)),
            glasses=float(rng.random() < 0.16 + 0.3 * old) * rng.uniform(0.3, 1.0),
            frame=((40, 36, 40), (112, 72, 48), (110, 92, 80), (150, 60, 66))[rng.integers(4)],
            cloth=cloth,
            accent=accent,
            collar=_collar(old, rng),
            backdrop=BACKDROPS[rng.integers(len(BACKDROPS))],
            wall=WALLS[rng.integers(3)],
            texture=int(rng.integers(1 << 31)),
        )


def ramp(value: float, start: float, end: float) -> float:
    """Interpolate linearly: 0 up to start, 1 from end on."""
    return float(np.clip((value - start) / (end - start), 0.0, 1.0))


def _style(gender: str, age: float, rng: np.random.Generator) -> Style:
    styles = [style for style in STYLES if gender in style.genders]
    weights = np.array([style.weight / (1 + ((age - style.age) / style.spread) ** 4) for style in styles])
    return styles[rng.choice(len(styles), p=weights / weights.sum())]


def _collar(old: float, rng: np.random.Generator) -> str:
    shares = {"crew": 0.5 - 0.25 * old, "hood": 0.2 - 0.2 * old, "shirt": 0.2 + 0.25 * old, "cardigan": 0.1 + 0.2 * old}
    return list(shares)[rng.choice(len(shares), p=list(shares.values()))]
