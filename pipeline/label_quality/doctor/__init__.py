"""The doctor: checks of a data set, and of what the stages made of it."""

from pathlib import Path

from pipeline.formats.images import MAX_PIXELS
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import duplicates, layout, outliers, people, photos, sessions, unlike
from pipeline.label_quality.doctor.findings import Finding
from pipeline.label_quality.doctor.results import Results


def diagnose(root: Path, max_pixels: int = MAX_PIXELS, results: Results | None = None) -> list[Finding]:
    """Run all checks; every photo is decoded once, and no file is changed.

    Args:
        root: Folder of the data set, with train/ and eval/.
        max_pixels: Photos with more pixels are unreadable (crop.max_pixels).
        results: Outputs of the stages for this data set, for checks of faces and of predictions.

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
    copies = list(duplicates.find(readable))
    reported = {path for finding in copies for path in finding.photos}
    return [
        *misfits,
        *(finding for finding in unreadable if unlisted.isdisjoint(finding.photos)),
        *copies,
        *sessions.find([photo for photo in readable if photo.path not in reported]),
        *outliers.find(readable),
        *unlike.find(readable),
        *(results.find(readable) if results else ()),
        *people.find(root, paths),
    ]
