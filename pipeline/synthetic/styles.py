"""Hairdos, and who wears them at what age."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Style:
    """A hairdo and who wears it: most often at `age`, less beyond `spread` years from it."""

    name: str
    genders: tuple[str, ...]
    age: float
    spread: float
    weight: float = 1.0
    length: float = 0.0
    """How far hair falls behind the head: the y that it reaches, 0 for short hair."""
    volume: float = 0.14
    fringe: float = 0.0
    """How far the front hair covers the forehead, 0 to 1."""
    part: float = 0.0
    """Where the hair is parted, from -1 to 1."""
    sides: float = 0.3
    """How far down hair lies before the ears: the y that it reaches."""
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
