"""Checks for photos that two people, or train and eval, share: the same file or a near duplicate."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.label_quality.doctor.findings import ERROR, WARNING, Check, Finding
from pipeline.label_quality.doctor.photos import CheckedPhoto, Variant

Pair = tuple[CheckedPhoto, CheckedPhoto]
Hashes = npt.NDArray[np.uint64]

DUPLICATE = Check(
    "duplicate photo",
    ERROR,
    "Two people, train and eval, or two mask states share a file. A label is wrong, or validation leaks.",
    "Keep the file where it belongs. Remove the other copy: a person's folder with its row, or the eval photo.",
)
HARMLESS = Check(
    "harmless duplicate",
    WARNING,
    "One file under two names, of one person and mask state or within eval.",
    "Replace the copy if another photo was meant. A copy that stays counts twice.",
)
NEAR_DUPLICATE = Check(
    "near duplicate",
    WARNING,
    "Two people, or train and eval, share a photo that was saved again.",
    "Compare the photos (--html). If they show one person, remove one of the folders and its row, or write both to "
    "split.same_people (--same-people).",
)

NEAR = 40
"""Bits of 256 in which the hashes of two versions of a photo may differ."""
SIMILAR = 0.97
"""Least correlation of the thumbnails of two versions of a photo.

Measured on 200 photos and a synthetic sample of 140, 40 copies of each kind, saved at JPEG quality 60:

| change | found |
|---|---|
| smaller, blurred, more contrast, mirrored, or 2 to 8 % cut from each side | all |
| 10 % cut from each side, or a line of text | at least 93 % |
| brightened by 30 % | 85 % (photos), 72 % (synthetic) |
| 3 % cut from one side only | 62 % (photos), none (synthetic) |
| different people (false alarms) | none; the highest correlation is .95 |
"""
BLOCK = 16
"""Rows compared with all others at once; few enough for the processor's cache."""


def find(photos: Sequence[CheckedPhoto]) -> Iterator[Finding]:
    """A finding for each group of people and eval photos that share photos.

    Near duplicates of one person are expected, and so are those within eval, where people are unknown.
    """
    copies: dict[bytes, list[CheckedPhoto]] = {}
    for photo in photos:
        copies.setdefault(photo.content, []).append(photo)
    groups = [group for group in copies.values() if len(group) > 1]
    crossing = [(group[0], other) for group in groups if _crosses(group) for other in group[1:]]
    yield from _shared(DUPLICATE, crossing, "the same file")
    for group in groups:
        if not _crosses(group):
            names = tuple(photo.path for photo in group)
            yield Finding(DUPLICATE if _contradicts(group) else HARMLESS, f"the same file: {', '.join(names)}", names)
    yield from _shared(
        NEAR_DUPLICATE, _near_duplicates([group[0] for group in copies.values()]), "nearly the same photo"
    )


def close(hashes: Hashes, limit: int) -> Iterator[tuple[int, int]]:
    """All pairs of rows of `hashes` (n, words) that differ in at most `limit` bits; the lower row comes first."""
    words = np.ascontiguousarray(hashes.T)
    for start in range(0, len(hashes), BLOCK):
        differing = (np.bitwise_count(word[start : start + BLOCK, None] ^ word[start:]) for word in words)
        distances = sum(differing, np.uint16(0))  # 16 bits: hashes may differ in all of 256
        for row, column in np.argwhere(distances <= limit).tolist():
            if row < column:
                yield start + row, start + column


def close_to(hashes: Hashes, others: Hashes, limit: int) -> Iterator[tuple[int, int]]:
    """All pairs of rows of `hashes` (n, words) and of `others` (m, words) that differ in at most `limit` bits."""
    words = np.ascontiguousarray(others.T)
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        differing = (np.bitwise_count(block[:, number, None] ^ word) for number, word in enumerate(words))
        for row, column in np.argwhere(sum(differing, np.uint16(0)) <= limit).tolist():
            yield start + row, column


def _near_duplicates(photos: Sequence[CheckedPhoto]) -> list[Pair]:
    """Near duplicates that cross people, or train and eval: of photos, and of photos and variants of others."""
    if not photos:
        return []
    hashes = _hashes(photos)
    found = {
        (i, j)
        for i, j in close(hashes, NEAR)
        if _crosses((photos[i], photos[j])) and _correlation(photos[i].thumbnail, photos[j].thumbnail) >= SIMILAR
    }
    for variants in zip(*(photo.variants for photo in photos), strict=True):
        for i, j in close_to(hashes, _hashes(variants), NEAR):
            if _crosses((photos[i], photos[j])) and _correlation(photos[i].thumbnail, variants[j].thumbnail) >= SIMILAR:
                found.add((min(i, j), max(i, j)))
    return [(photos[i], photos[j]) for i, j in sorted(found)]


def _hashes(photos: Sequence[CheckedPhoto | Variant]) -> Hashes:
    return np.stack([np.frombuffer(photo.perceptual_hash, np.uint64) for photo in photos])


def _correlation(one: bytes, other: bytes) -> float:
    """Correlation of two thumbnails; 0 where one has a single colour."""
    values = [np.frombuffer(thumbnail, np.uint8).astype(float) for thumbnail in (one, other)]
    first, second = (value - value.mean() for value in values)
    return float(first @ second / max(np.linalg.norm(first) * np.linalg.norm(second), 1))


def _crosses(group: Iterable[CheckedPhoto]) -> bool:
    """Whether photos belong to two people, or to train and eval."""
    return len({photo.owner for photo in group}) > 1 and any(photo.is_train for photo in group)


def _contradicts(group: Iterable[CheckedPhoto]) -> bool:
    """Whether a person's photos have names of different mask states."""
    stems = {PurePosixPath(photo.path).stem for photo in group if photo.is_train}
    return len({MASK_OF_STEM.get(stem) for stem in stems}) > 1


def _shared(check: Check, pairs: Sequence[Pair], what: str) -> Iterator[Finding]:
    """One finding for all owners that the pairs connect, instead of one per pair of photos."""
    shared: dict[str, set[str]] = {}
    for pair in pairs:
        for photo in pair:
            shared.setdefault(photo.owner, set()).add(photo.path)
    for owners in connected((one.owner, other.owner) for one, other in pairs):
        names = tuple(sorted(path for owner in owners for path in shared[owner]))
        yield Finding(check, f"{what}: {' = '.join(owners)} ({len(names)} photos)", names)


def connected(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The sorted groups of names that pairs connect, directly or transitively."""
    group_of: dict[str, list[str]] = {}
    for one, other in pairs:
        groups = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        small, large = sorted(groups, key=len)
        if small is not large:
            large.extend(small)
            group_of.update(dict.fromkeys(small, large))
    distinct = {id(group): sorted(group) for group in group_of.values()}
    return sorted(distinct.values())
