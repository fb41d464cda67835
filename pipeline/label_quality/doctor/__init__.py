"""Before any training: what is wrong with a data set, and what a person should look at."""

from pathlib import Path

from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import duplicates, layout, outliers, people, photos
from pipeline.label_quality.doctor.findings import Finding


def diagnose(root: Path) -> list[Finding]:
    """All findings on the data set in `root`; every photo is decoded once, and nothing is changed.

    Raises `InputError` when there is no such folder; all other faults are findings.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --data or data.root names the one with train/ and eval/")
    paths = layout.files(root)
    misfits = list(layout.find(root, paths))
    left_alone = {path for finding in misfits if finding.check is layout.UNLISTED for path in finding.photos}
    readable, unreadable = photos.examine(root, paths)
    return [
        *misfits,
        *(finding for finding in unreadable if left_alone.isdisjoint(finding.photos)),
        *duplicates.find(readable),
        *outliers.find(readable),
        *people.find(root, paths),
    ]
