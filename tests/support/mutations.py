"""Damage to the bytes of a file, drawn from a seed: the same seed damages the same file in the same way."""

import re
from collections.abc import Callable
from random import Random

MOST = 200_000  # bytes that a file may grow to
SEPARATOR = re.compile(rb'[\n,:"{}\[\] ]')
HOSTILE = [  # what readers have stumbled over
    b"\x00" * 64,
    b"\xff\xfe",
    b"\xed\xa0\x80",  # a lone surrogate in UTF-8
    "\u202e\u0000é".encode(),
    b"9" * 5000,
    b"-1e999",
    b"NaN",
    b"Infinity",
    b"1" + b"0" * 400,
    b"[" * 2000,
    b"{" * 2000,
    b'{"a":' * 1500,
    b"\n\n",
    b'"',
    b"'",
    b",,,,",
    b"../../etc/passwd",
    b"&a [*a]",
    b"!!python/object:os.system x",
    b"!!timestamp 2001-99-99",
    b"? [a]\n: b\n",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"-1",
    b"5",
    b"\\ud800",
]


def _flip(content: bytearray, draw: Random) -> None:
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)


def _put(content: bytearray, draw: Random) -> None:
    content[draw.randrange(len(content))] = draw.randrange(256)


def _cut(content: bytearray, draw: Random) -> None:
    del content[draw.randrange(len(content)) :]


def _remove(content: bytearray, draw: Random) -> None:
    start = draw.randrange(len(content))
    del content[start : start + draw.randint(1, 40)]


def _repeat(content: bytearray, draw: Random) -> None:
    start = draw.randrange(len(content))
    content[start:start] = content[start : start + draw.randint(1, 80)]


def _insert(content: bytearray, draw: Random) -> None:
    place = draw.randrange(len(content) + 1)
    content[place:place] = draw.choice(HOSTILE)


def _replace_word(content: bytearray, draw: Random) -> None:
    """Put something hostile in the place of what stands between two separators: a cell, a value, a key."""
    marks = [-1, *(mark.start() for mark in SEPARATOR.finditer(content)), len(content)]
    number = draw.randrange(len(marks) - 1)
    content[marks[number] + 1 : marks[number + 1]] = draw.choice(HOSTILE)


def _repeat_line(content: bytearray, draw: Random) -> None:
    lines = bytes(content).splitlines(keepends=True)
    lines.insert(draw.randrange(len(lines)), draw.choice(lines))
    content[:] = b"".join(lines)


MUTATIONS: list[Callable[[bytearray, Random], None]] = [
    _flip,
    _put,
    _cut,
    _remove,
    _repeat,
    _insert,
    _replace_word,
    _replace_word,
    _repeat_line,
]


def mutated(content: bytes, seed: int | str) -> bytes:
    """The content after one to three mutations; one in fifty is a hostile word alone."""
    draw = Random(seed)
    if draw.random() < 0.02:
        return draw.choice(HOSTILE)
    damaged = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        if damaged:
            draw.choice(MUTATIONS)(damaged, draw)
    return bytes(damaged[: max(MOST, len(content))])
