"""page and terminal: all that matters is seen, and names are text, never markup."""

import re
import shutil
from io import StringIO

from rich.console import Console

from pipeline.label_quality.doctor.findings import LOOK, MUST, Check, Finding, table
from pipeline.label_quality.doctor.page import SHOWN, page
from pipeline.label_quality.doctor.terminal import terminal
from tests.support.dataset import PEOPLE, DataSet

GRAVE, SLIGHT = Check("grave <b>", MUST, "Mend it."), Check("slight", LOOK, "Look.")
PICTURE = f"train/images/{PEOPLE[0]}/normal.png"


def printed(findings: list[Finding], title: str = "title") -> str:
    shown = StringIO()
    Console(file=shown, width=100).print(terminal(findings, title))
    return shown.getvalue()


def test_what_must_be_fixed_comes_first() -> None:
    findings = [Finding(SLIGHT, "small"), Finding(GRAVE, "large", ("a", "b"))]
    assert table(findings).to_numpy().tolist() == [
        ["must be fixed", "grave <b>", "large", "a; b"],
        ["look at it", "slight", "small", ""],
    ]
    assert printed(findings).index("large") < printed(findings).index("small")


def test_the_page_holds_its_photos_and_needs_no_other_file(data: DataSet) -> None:
    text = page(data.root, [Finding(SLIGHT, "small", (PICTURE,))], "title")
    assert text.count('src="data:image/jpeg;base64,') == 1
    assert not re.search(r"https?://|<script|<link|url\(", text)
    assert str(data.root) not in text


def test_a_picture_that_cannot_be_read_leaves_its_place_empty(data: DataSet) -> None:
    (data.root / PICTURE).write_bytes(b"")
    text = page(data.root, [Finding(GRAVE, "empty", (PICTURE, "eval/images/gone.jpg"))], "title")
    assert text.count('<div class="none">') == 2


def test_names_are_text_and_no_markup(data: DataSet) -> None:
    finding = Finding(GRAVE, "row '<img src=x>' [red]", ("eval/images/<i>.jpg",))
    text = page(data.root, [finding], "a & b")
    assert "<img src=x>" not in text
    assert "<i>" not in text
    assert "a &amp; b" in text
    assert "row '<img src=x>' [red]" in printed([finding])
    assert "photos [/old]" in printed([finding], "photos [/old]")


def test_many_findings_are_counted_but_not_all_shown(data: DataSet) -> None:
    findings = [Finding(SLIGHT, f"finding {number}") for number in range(SHOWN + 60)]
    text = page(data.root, findings, "title")
    assert text.count("<article") == SHOWN
    assert "and 60 more, in the table" in text
    assert f"and {SHOWN + 57} more" in printed(findings)


def test_the_same_findings_give_the_same_page(data: DataSet) -> None:
    findings = [Finding(SLIGHT, "small", (PICTURE,))]
    copy = data.root.with_name("copy")
    shutil.copytree(data.root, copy)
    assert page(data.root, findings, "title") == page(copy, findings, "title")
