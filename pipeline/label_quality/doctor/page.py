"""The findings as one HTML page with their photos, complete in itself."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path, PurePosixPath

from pipeline.formats import images
from pipeline.formats.thumbnails import jpeg
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor.findings import MUST, Check, Finding, by_check

SHOWN = 40
"""Findings of a check, and photos of a finding, that are shown; the table in CSV names all."""
SIDE = 120
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #22252b; background: #fafaf7; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 0; display: inline }
section { margin: 1.5rem 0; background: #fff; border: 1px solid #e3e3dd; border-left: 5px solid #d9a400; padding: 1rem }
section.must { border-left-color: #c0392b }
section > p { color: #70757d; margin: .2rem 0 1rem }
.severity { color: #946f00; margin-left: .6rem } .must .severity { color: #c0392b }
.findings { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); column-gap: 1rem }
article { border-top: 1px solid #e3e3dd; padding: .6rem 0; overflow-wrap: anywhere; break-inside: avoid }
article.wide { grid-column: 1 / -1 }
.photos { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: .5rem }
figure { margin: 0; width: 7.6rem } figcaption { font-size: .7rem; color: #70757d; line-height: 1.2 }
img, .none { width: auto; max-width: 120px; height: 120px; display: block; background: #eee }
table { border-collapse: collapse } td, th { padding: .15rem 1rem .15rem 0; text-align: left }
"""


def page(root: Path, findings: Sequence[Finding], title: str) -> str:
    """The HTML text; photos are read from the data set in `root` and shown small."""
    groups = by_check(findings)
    rows = "".join(
        f'<tr><td><a href="#{_anchor(check)}">{escape(check.name)}</a></td>'
        f"<td>{check.severity}</td><td>{len(group):,}</td></tr>"
        for check, group in groups.items()
    )
    summary = f"<table><tr><th>check</th><th></th><th>found</th></tr>{rows}</table>" if groups else ""
    sections = "\n".join(_section(root, check, group) for check, group in groups.items())
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f"<h1>{escape(title)}</h1>\n{summary}\n{sections}\n</html>\n"
    )


def _section(root: Path, check: Check, group: Sequence[Finding]) -> str:
    shown = "\n".join(_article(root, finding) for finding in group[:SHOWN])
    more = f"<p>and {len(group) - SHOWN:,} more, in the table</p>" if len(group) > SHOWN else ""
    grave = ' class="must"' if check.severity == MUST else ""
    return (
        f'<section id="{_anchor(check)}"{grave}><h2>{escape(check.name)}</h2>'
        f'<span class="severity">{check.severity}</span><p>{escape(check.meaning)}</p>\n'
        f'<div class="findings">\n{shown}\n</div>{more}</section>'
    )


def _anchor(check: Check) -> str:
    return escape(check.name.replace(" ", "-"))


def _article(root: Path, finding: Finding) -> str:
    figures = "".join(_figure(root, path) for path in finding.photos[:SHOWN])
    photos = f'<div class="photos">{figures}</div>' if figures else ""
    wide = "" if len(finding.photos) == 1 else ' class="wide"'
    return f"<article{wide}>{escape(finding.text)}{photos}</article>"


def _figure(root: Path, path: str) -> str:
    name = PurePosixPath(path)
    caption = f"{escape(name.parent.name)}/<wbr>{escape(name.name)}"
    return f"<figure>{_thumbnail(root / path)}<figcaption>{caption}</figcaption></figure>"


def _thumbnail(path: Path) -> str:
    try:
        photo = jpeg(images.read(path), 2 * SIDE, quality=70)  # twice as sharp as shown, for fine screens
    except InputError:
        return '<div class="none"></div>'
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(photo).decode()}">'
