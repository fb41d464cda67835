"""People who share photos, as the table that `split.same_people` names."""

from collections.abc import Iterable
from pathlib import PurePosixPath

import pandas as pd

from pipeline.dataset.layout import TRAIN
from pipeline.dataset.same_people import COLUMNS
from pipeline.label_quality.doctor.duplicates import DUPLICATE, NEAR_DUPLICATE
from pipeline.label_quality.doctor.findings import Finding


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return a row per further person of every group that shares a photo; `same_as` is the first person of the group.

    People whom only an eval photo connects are a group too. Listed people share a fold, whether they are one person
    or a photo of one of them lies in the wrong folder: either would leak.
    """
    shared = [finding for finding in findings if finding.check in (DUPLICATE, NEAR_DUPLICATE)]
    rows = [(person, people[0]) for people in map(_people, shared) for person in people[1:]]
    return pd.DataFrame(sorted(set(rows)), columns=list(COLUMNS))


def _people(finding: Finding) -> list[str]:
    """The folders of the train photos of a finding."""
    photos = map(PurePosixPath, finding.photos)
    return sorted({photo.parent.name for photo in photos if photo.is_relative_to(TRAIN.as_posix())})
