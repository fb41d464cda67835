"""labels review in a browser: ten people by keyboard, with a kill in between, to a file that relabel reads."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline.label_quality.review import decisions
from tests.support.accessibility import violations
from tests.support.suspects import PEOPLE, Workspace

ROOT = Path(__file__).parents[3]


class Reviewing:
    """The command, running."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        files = {"labels": "labels.parquet", "out-of-fold": "out_of_fold.parquet", "suggestions": "suggestions.csv"}
        files |= {"data": "photos", "decisions": "reviews/anna.csv", "fixes": "fixes/anna.csv"}
        words = [word for name, file in files.items() for word in (f"--{name}", str(workspace.root / file))]
        command = [sys.executable, "-m", "pipeline", "labels", "review", "--reviewer", "anna", "--port", "0", *words]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.printed = self._process.stdout.readline()
        self.address = self._process.stdout.readline().split()[0]

    def kill(self) -> None:
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.communicate()

    def decided(self) -> list[tuple[str, str, str, str]]:
        known = decisions.read(self.workspace.root / "reviews" / "anna.csv", PEOPLE)
        return [(one.id, one.field, one.value, one.verdict) for one in known]


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Callable[[], Reviewing]]:
    """Start the command; whatever happens, it ends with the test."""
    started: list[Reviewing] = []

    def begin() -> Reviewing:
        started.append(Reviewing(workspace))
        return started[-1]

    yield begin
    for reviewing in started:
        reviewing.kill()


def press(page: Page, keys: str, decided: int) -> None:
    """Press keys one after another; each must be saved before the next."""
    for number, key in enumerate(keys, start=decided + 1):
        page.keyboard.press(key)
        expect(page.locator("#progress")).to_contain_text(f"{number} of 12 decided")


def test_ten_people_by_keyboard_through_a_kill(
    workspace: Workspace, start: Callable[[], Reviewing], page: Page
) -> None:
    first = start()
    page.goto(first.address)
    expect(page.locator("figure img")).to_have_count(7)
    expect(page.locator("#person")).to_have_text(PEOPLE[0])
    press(page, "arua", decided=0)  # the first person has two suggestions
    expect(page.locator("#person")).to_have_text(PEOPLE[3])
    first.kill()
    page.keyboard.press("r")
    expect(page.locator("#fault")).to_contain_text("Not saved: the server does not respond")
    before = [
        (PEOPLE[0], "gender", "male", "accept"),
        (PEOPLE[0], "age", "62", "reject"),
        (PEOPLE[1], "gender", "male", "unsure"),
        (PEOPLE[2], "gender", "male", "accept"),
    ]
    assert first.decided() == before

    second = start()
    assert "4 decisions" in second.printed
    page.goto(second.address)
    expect(page.locator("#person")).to_have_text(PEOPLE[3])
    press(page, "aaaaa", decided=4)
    page.keyboard.press("z")
    expect(page.locator("#progress")).to_contain_text("8 of 12 decided")
    expect(page.locator("#person")).to_have_text(PEOPLE[7])
    page.keyboard.press("e")
    page.keyboard.press("Tab")
    page.keyboard.type("45")
    page.keyboard.press("Enter")
    press(page, "", decided=9)
    expect(page.locator("#progress")).to_contain_text("9 of 12 decided")
    press(page, "rra", decided=9)
    expect(page.locator("#done")).to_be_visible()
    second.kill()
    assert second.decided() == [
        *before,
        *((PEOPLE[number], "gender", "male", "accept") for number in range(3, 7)),
        (PEOPLE[7], "gender", "male", "accept"),
        (PEOPLE[7], "age", "45", "accept"),
        *((PEOPLE[number], "gender", "male", "reject") for number in (8, 9)),
        (PEOPLE[11], "mask", "swap normal incorrect_mask", "accept"),
    ]
    labels = workspace.relabel("anna")
    changed = set(labels.loc[labels["corrected"] != "", "person"])
    assert changed == {PEOPLE[number] for number in (0, 2, 3, 4, 5, 6, 7, 11)}


def test_names_and_labels_are_shown_as_text(workspace: Workspace, start: Callable[[], Reviewing], page: Page) -> None:
    """A suggestion whose evidence is markup stays text."""
    text = workspace.suggestions.read_text()
    workspace.suggestions.write_text(text.replace("they say so", "</script><img src=x onerror=fault()>"))
    page.goto(start().address)
    expect(page.locator(".card small").first).to_contain_text("</script><img src=x")
    expect(page.locator("figure img")).to_have_count(7)


def test_on_a_dark_phone_all_is_readable_and_buttons_are_large(start: Callable[[], Reviewing], page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.goto(start().address)
    expect(page.locator("figure img")).to_have_count(7)
    assert violations(page) == []
    for button in page.get_by_role("button").all():
        size = button.bounding_box()
        assert size
        assert min(size["width"], size["height"]) >= 44
    caption = page.locator("figcaption", has_text="incorrect_mask")
    name, predicted = (caption.locator("span").nth(number).bounding_box() for number in (0, 1))
    assert name
    assert predicted
    assert predicted["y"] >= name["y"] + name["height"] or predicted["x"] >= name["x"] + name["width"] + 4
