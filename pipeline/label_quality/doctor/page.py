"""The findings as one HTML page with their photos."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline import pages
from pipeline.dataset.layout import photo_files
from pipeline.formats import images
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import layout
from pipeline.label_quality.doctor.findings import Finding, by_check

MOST = 40
"""Findings of a check, and photos of a finding, on the page; the table in CSV lists all."""
SIDE = 240
"""Longest side of a thumbnail in pixels: twice as many as it is shown with, for fine screens."""


def page(root: Path, findings: Sequence[Finding], title: str) -> str:
    """Render the page; photos are read from the data set in `root` and shown small."""
    there = layout.files(root)
    files = dict(zip(there, photo_files(root, there), strict=True))

    def thumbnail(path: str) -> str:
        try:
            return pages.source(images.small_jpeg(images.read(files.get(path, root / path)), SIDE, quality=70))
        except InputError:
            return ""

    template = pages.templates(Path(__file__).parent).get_template("page.html")
    return template.render(title=title, groups=by_check(findings), most=MOST, thumbnail=thumbnail, caption=_caption)


def _caption(path: str) -> str:
    name = PurePosixPath(path)
    return f"{name.parent.name} / {name.name}"
