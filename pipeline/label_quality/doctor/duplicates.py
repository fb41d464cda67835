"""The same photo, or nearly the same, where it must not be: with two people, or in train and eval."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pipeline.label_quality.doctor.findings import LOOK, MUST, Check, Finding
from pipeline.label_quality.doctor.photos import HASH_BITS, Picture
from pipeline.schema.labels import MASK_OF_STEM

Pair = tuple[Picture, Picture]
Hashes = npt.NDArray[np.uint64]

SAME = Check(
    "same photo",
    MUST,
    "One file for two people, for train and eval, or for two mask states: a label is wrong, or folds leak.",
)
TWICE = Check("file twice", LOOK, "One file under two names, of one person and mask state or within eval.")
ALIKE = Check("nearly the same", LOOK, "Two people, or train and eval, share a photo that was saved anew.")

NEAR = 40
"""Bits of 256 in which the hashes of two versions of a photo may differ."""
SIMILAR = 0.97
"""Correlation that the thumbnails of two versions of a photo have at least.

Measured on 5,943 photos and on three drawn samples of 840 photos: of photos saved anew smaller, squeezed,
darker, paler, grey, with quality 40, or without 1 % on each side all are found, without 2 % on each side 96 % and 57 %
(photos, drawn), brightened by a quarter 94 %; without 3 %, or with a line of text on it, few. Pairs of different
people that pass for one: none of the photos; none, one and one of the drawn photos.
"""
BLOCK = 16
"""Rows that are compared with all others at once: few enough for the processor's cache."""


def find(photos: Sequence[Picture]) -> Iterator[Finding]:
    """A finding for each group of people and eval photos that share photos; see `SAME`, `TWICE` and `ALIKE`.

    Photos of one person are expected to be alike, and so are eval photos, whose people are not known.
    """
    copies: dict[bytes, list[Picture]] = {}
    for photo in photos:
        copies.setdefault(photo.content, []).append(photo)
    groups = [group for group in copies.values() if len(group) > 1]
    crossing = [(group[0], other) for group in groups if _crosses(group) for other in group[1:]]
    yield from _shared(SAME, crossing, "the same file")
    for group in groups:
        if not _crosses(group):
            names = tuple(photo.path for photo in group)
            yield Finding(SAME if _contradicts(group) else TWICE, f"the same file: {', '.join(names)}", names)
    yield from _shared(ALIKE, _alike([group[0] for group in copies.values()]), "nearly the same photo")


def close(hashes: Hashes, limit: int) -> Iterator[tuple[int, int]]:
    """All pairs of rows of `hashes` (n, words) that differ in at most `limit` bits, each with its lower row first."""
    words = np.ascontiguousarray(hashes.T)
    for start in range(0, len(hashes), BLOCK):
        differing = (np.bitwise_count(word[start : start + BLOCK, None] ^ word[start:]) for word in words)
        distances = sum(differing, np.uint16(0))  # 16 bits: hashes may differ in all of 256
        for row, column in np.argwhere(distances <= limit).tolist():
            if row < column:
                yield start + row, start + column


def _alike(photos: Sequence[Picture]) -> list[Pair]:
    """Pairs of photos that are nearly the same and should not be."""
    words = np.frombuffer(b"".join(photo.perceptual_hash for photo in photos), np.uint64)
    pairs = ((photos[i], photos[j]) for i, j in close(words.reshape(-1, HASH_BITS // 64), NEAR))
    return [pair for pair in pairs if _crosses(pair) and _correlation(*pair) >= SIMILAR]


def _correlation(one: Picture, other: Picture) -> float:
    """Of the thumbnails; 0 where one has a single colour."""
    values = [np.frombuffer(photo.thumbnail, np.uint8).astype(float) for photo in (one, other)]
    first, second = (value - value.mean() for value in values)
    return float(first @ second / max(np.linalg.norm(first) * np.linalg.norm(second), 1))


def _crosses(group: Iterable[Picture]) -> bool:
    """Whether photos belong to two people, or to train and eval."""
    return len({photo.owner for photo in group}) > 1 and any(photo.is_train for photo in group)


def _contradicts(group: Iterable[Picture]) -> bool:
    """Whether the names of photos of one person tell two mask states."""
    stems = {PurePosixPath(photo.path).stem for photo in group if photo.is_train}
    return len({MASK_OF_STEM.get(stem) for stem in stems}) > 1


def _shared(check: Check, pairs: Sequence[Pair], what: str) -> Iterator[Finding]:
    """A finding for all owners that such pairs connect, rather than one for each of a person's seven photos."""
    shared: dict[str, set[str]] = {}
    for pair in pairs:
        for photo in pair:
            shared.setdefault(photo.owner, set()).add(photo.path)
    for owners in connected((one.owner, other.owner) for one, other in pairs):
        names = tuple(sorted(path for owner in owners for path in shared[owner]))
        yield Finding(check, f"{what}: {' = '.join(owners)} ({len(names)} photos)", names)


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
