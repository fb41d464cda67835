"""At which commit a report was written, and when: in a file beside it, which the page shows if it is about this page.

The page itself is an output of DVC and has the same bytes at any commit and time.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pipeline.foundation.files import write_text

BESIDE = "report-written.js"
DIGEST = re.compile(r'data-digest="(\w+)"')


def with_digest(page: str) -> str:
    """The text of a report with its own digest, by which it knows the file beside it."""
    return page.replace('data-digest=""', f'data-digest="{hashlib.sha256(page.encode()).hexdigest()}"', 1)


def note(page: Path, commit: Mapping[str, str], when: datetime) -> None:
    """Write the file beside a report.

    Args:
        page: The report.
        commit: Git's `git_commit` and whether there are `git_uncommitted_changes`; empty outside of git.
        when: Local time with its zone.
    """
    digest = DIGEST.search(page.read_text(encoding="utf-8"))
    assert digest, "every report has one"
    changed = " with uncommitted changes" if commit.get("git_uncommitted_changes") == "true" else ""
    place = f"at commit {commit['git_commit'][:10]}{changed}" if commit else "outside of git"
    note = {"digest": digest[1], "text": f"Written on {when:%Y-%m-%d %H:%M %Z} {place}."}
    write_text(page.with_name(BESIDE), f"const written = {json.dumps(note)};\n")
