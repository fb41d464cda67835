"""The doctor: checks of a data set that need no model."""

from pathlib import Path

from pipeline.formats.images import MAX_PIXELS
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import duplicates, layout, outliers, people, photos
from pipeline.label_quality.doctor.findings import Finding


def diagnose(root: Path, max_pixels: int = MAX_PIXELS) -> list[Finding]:
    """Run all checks; every photo is decoded once, and no file is changed.

    Args:
        root: Folder of the data set, with train/ and eval/.
        max_pixels: Photos with more pixels are unreadable (crop.max_pixels).

    Returns:
        The findings of all checks, errors and warnings.

    Raises:
        InputError: When `root` is no folder; all other faults are findings.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --data or data.root names the folder with train/ and eval/")
    paths = layout.files(root)
    misfits = list(layout.find(root, paths))
    unlisted = {path for finding in misfits if finding.check is layout.UNLISTED for path in finding.photos}
    readable, unreadable = photos.examine(root, paths, max_pixels)
    return [
        *misfits,
        *(finding for finding in unreadable if unlisted.isdisjoint(finding.photos)),
        *duplicates.find(readable),
        *outliers.find(readable),
        *people.find(root, paths),
    ]
