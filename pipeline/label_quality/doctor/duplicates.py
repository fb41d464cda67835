"""The same picture, or nearly the same, where it must not be: with two people, or in train and eval."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pipeline.label_quality.doctor.findings import LOOK, MUST, Check, Finding
from pipeline.label_quality.doctor.pictures import HASH_BITS, Picture
from pipeline.schema.labels import MASK_OF_STEM

Pair = tuple[Picture, Picture]
Hashes = npt.NDArray[np.uint64]

SAME = Check(
    "same picture",
    MUST,
    "One file for two people, for train and eval, or for two mask states: a label is wrong, or folds leak.",
)
TWICE = Check("file twice", LOOK, "One file under two names, of one person and mask state or within eval.")
ALIKE = Check("nearly the same", LOOK, "Two people, or train and eval, share a picture that was saved anew.")

NEAR = 40
"""Bits of 256 in which the hashes of two versions of a picture may differ."""
SIMILAR = 0.97
"""Correlation that the thumbnails of two versions of a picture have at least.

Measured on 5,943 photographs and on three drawn samples of 840 pictures: of pictures saved anew smaller, squeezed,
darker, paler, grey, with quality 40, or without 1 % on each side all are found, without 2 % on each side 96 % and 57 %
(photographs, drawn), brightened by a quarter 94 %; without 3 %, or with a line of text on it, few. Pairs of different
people that pass for one: none of the photographs; none, one and one of the drawn pictures.
"""
BLOCK = 16
"""Rows that are compared with all others at once: few enough for the processor's cache."""


def find(pictures: Sequence[Picture]) -> Iterator[Finding]:
    """A finding for each group of people and eval pictures that share pictures; see `SAME`, `TWICE` and `ALIKE`.

    Pictures of one person are expected to be alike, and so are eval pictures, whose people are not known.
    """
    copies: dict[bytes, list[Picture]] = {}
    for picture in pictures:
        copies.setdefault(picture.content, []).append(picture)
    groups = [group for group in copies.values() if len(group) > 1]
    crossing = [(group[0], other) for group in groups if _crosses(group) for other in group[1:]]
    yield from _shared(SAME, crossing, "the same file")
    for group in groups:
        if not _crosses(group):
            names = tuple(picture.path for picture in group)
            yield Finding(SAME if _contradicts(group) else TWICE, f"the same file: {', '.join(names)}", names)
    yield from _shared(ALIKE, _alike([group[0] for group in copies.values()]), "nearly the same picture")


def close(hashes: Hashes, limit: int) -> Iterator[tuple[int, int]]:
    """All pairs of rows of `hashes` (n, words) that differ in at most `limit` bits, each with its lower row first."""
    words = np.ascontiguousarray(hashes.T)
    for start in range(0, len(hashes), BLOCK):
        differing = (np.bitwise_count(word[start : start + BLOCK, None] ^ word[start:]) for word in words)
        distances = sum(differing, np.uint16(0))  # 16 bits: hashes may differ in all of 256
        for row, column in np.argwhere(distances <= limit).tolist():
            if row < column:
                yield start + row, start + column


def _alike(pictures: Sequence[Picture]) -> list[Pair]:
    """Pairs of pictures that are nearly the same and should not be."""
    words = np.frombuffer(b"".join(picture.perceptual_hash for picture in pictures), np.uint64)
    pairs = ((pictures[i], pictures[j]) for i, j in close(words.reshape(-1, HASH_BITS // 64), NEAR))
    return [pair for pair in pairs if _crosses(pair) and _correlation(*pair) >= SIMILAR]


def _correlation(one: Picture, other: Picture) -> float:
    """Of the thumbnails; 0 where one has a single colour."""
    values = [np.frombuffer(picture.thumbnail, np.uint8).astype(float) for picture in (one, other)]
    first, second = (value - value.mean() for value in values)
    return float(first @ second / max(np.linalg.norm(first) * np.linalg.norm(second), 1))


def _crosses(group: Iterable[Picture]) -> bool:
    """Whether pictures belong to two people, or to train and eval."""
    return len({picture.owner for picture in group}) > 1 and any(picture.is_train for picture in group)


def _contradicts(group: Iterable[Picture]) -> bool:
    """Whether the names of pictures of one person tell two mask states."""
    stems = {PurePosixPath(picture.path).stem for picture in group if picture.is_train}
    return len({MASK_OF_STEM.get(stem) for stem in stems}) > 1


def _shared(check: Check, pairs: Sequence[Pair], what: str) -> Iterator[Finding]:
    """A finding for all owners that such pairs connect, rather than one for each of a person's seven pictures."""
    shared: dict[str, set[str]] = {}
    for pair in pairs:
        for picture in pair:
            shared.setdefault(picture.owner, set()).add(picture.path)
    for owners in connected((one.owner, other.owner) for one, other in pairs):
        names = tuple(sorted(path for owner in owners for path in shared[owner]))
        yield Finding(check, f"{what}: {' = '.join(owners)} ({len(names)} pictures)", names)


def connected(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The sorted groups of names that pairs connect, directly or through others."""
    group_of: dict[str, list[str]] = {}
    for one, other in pairs:
        groups = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        small, large = sorted(groups, key=len)
        if small is not large:
            large.extend(small)
            group_of.update(dict.fromkeys(small, large))
    distinct = {id(group): sorted(group) for group in group_of.values()}
    return sorted(distinct.values())
