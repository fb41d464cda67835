"""page: all findings with their photos in one file; names are text, never markup."""

import re
import shutil

from pipeline.label_quality.doctor.findings import ERROR, WARNING, Check, Finding
from pipeline.label_quality.doctor.page import MOST, page
from tests.support.dataset import PEOPLE, DataSet

SEVERE = Check("severe <b>", ERROR, "It is broken.", "Repair it.")
SLIGHT = Check("slight", WARNING, "It is odd.", "Look at it.")
PHOTO = f"train/images/{PEOPLE[0]}/normal.png"


def test_the_page_holds_its_photos_and_refers_to_no_other_file(data: DataSet) -> None:
    text = page(data.root, [Finding(SLIGHT, "small", (PHOTO,))], "title")
    assert text.count('src="data:image/jpeg;base64,') == 1
    assert not re.search(r"https?://|<script|<link|url\(", text)
    assert str(data.root) not in text


def test_every_check_is_shown_with_its_meaning_and_remedy(data: DataSet) -> None:
    text = page(data.root, [Finding(SLIGHT, "small"), Finding(SEVERE, "large")], "title")
    assert text.index("It is broken. <strong>What to do:</strong> Repair it.") < text.index("It is odd.")


def test_a_photo_that_cannot_be_read_leaves_its_place_empty(data: DataSet) -> None:
    (data.root / PHOTO).write_bytes(b"")
    text = page(data.root, [Finding(SEVERE, "empty", (PHOTO, "eval/images/gone.jpg"))], "title")
    assert text.count('<div class="none">') == 2


def test_names_are_text_and_no_markup(data: DataSet) -> None:
    text = page(data.root, [Finding(SEVERE, "row '<img src=x>'", ("eval/images/<i>.jpg",))], "a & b")
    assert "<img src=x>" not in text
    assert "<i>" not in text
    assert "a &amp; b" in text


def test_many_findings_are_counted_but_not_all_shown(data: DataSet) -> None:
    text = page(data.root, [Finding(SLIGHT, f"finding {number}") for number in range(MOST + 60)], "title")
    assert text.count("<article") == MOST
    assert "60 more; the table (--csv) lists all." in text


def test_a_page_without_findings_says_so(data: DataSet) -> None:
    assert "The doctor found nothing." in page(data.root, [], "title")


def test_the_same_findings_give_the_same_page(data: DataSet) -> None:
    findings = [Finding(SLIGHT, "small", (PHOTO,))]
    copy = data.root.with_name("copy")
    shutil.copytree(data.root, copy)
    assert page(data.root, findings, "title") == page(copy, findings, "title")
