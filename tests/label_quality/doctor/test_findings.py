"""findings: errors come first, every finding has a remedy, and names are text in every form of output."""

import json
from io import StringIO

from rich.console import Console

from pipeline.label_quality.doctor import (
    duplicates,
    layout,
    outliers,
    people,
    photos,
    results,
    sessions,
    settings,
    slices,
    unlike,
)
from pipeline.label_quality.doctor.findings import (
    ERROR,
    EXAMPLES,
    WARNING,
    Check,
    Finding,
    as_json,
    table,
    terminal,
    title,
)

SEVERE = Check("severe [b]", ERROR, "It is broken.", "Repair it.")
SLIGHT = Check("slight", WARNING, "It is odd.", "Look at it.")
BOTH = [Finding(SLIGHT, "small"), Finding(SEVERE, "large", ("a", "b"))]


def printed(findings: list[Finding], title: str = "title") -> str:
    shown = StringIO()
    Console(file=shown, width=100).print(terminal(findings, title))
    return shown.getvalue()


def test_errors_come_first() -> None:
    assert table(BOTH).to_numpy().tolist() == [
        ["error", "severe [b]", "large", "Repair it.", "a; b"],
        ["warning", "slight", "small", "Look at it.", ""],
    ]
    assert printed(BOTH).index("large") < printed(BOTH).index("small")


def test_the_table_of_no_findings_has_its_columns() -> None:
    assert list(table([]).columns) == ["severity", "check", "finding", "remedy", "photos"]


def test_json_holds_the_counts_and_every_finding() -> None:
    assert json.loads(as_json("photos", BOTH)) == {
        "data": "photos",
        "errors": 1,
        "warnings": 1,
        "findings": [
            {
                "severity": "error",
                "check": "severe [b]",
                "finding": "large",
                "remedy": "Repair it.",
                "photos": ["a", "b"],
            },
            {"severity": "warning", "check": "slight", "finding": "small", "remedy": "Look at it.", "photos": []},
        ],
    }


def test_the_title_counts_errors_and_warnings() -> None:
    assert title("photos", BOTH) == "photos: 1 error, 1 warning"
    assert title("photos", [BOTH[0]] * 1200) == "photos: 0 errors, 1,200 warnings"


def test_every_check_says_what_to_do() -> None:
    modules = (duplicates, layout, outliers, people, photos, results, sessions, settings, slices, unlike)
    checks = {value for module in modules for value in vars(module).values() if isinstance(value, Check)}
    assert len({check.name for check in checks}) == len(checks) > 10
    assert all(check.remedy.endswith(".") and check.meaning.endswith(".") for check in checks)


def test_the_terminal_shows_the_remedy() -> None:
    assert "Repair it." in printed(BOTH)


def test_the_terminal_counts_the_findings_that_it_leaves_out() -> None:
    assert "and 7 more" in printed([Finding(SLIGHT, f"finding {number}") for number in range(EXAMPLES + 7)])


def test_the_end_of_a_long_finding_is_shown_for_it_has_the_remedy() -> None:
    shown = printed([Finding(SEVERE, f"the file: {'x, ' * 100}; correct it")])
    words = shown.replace("│", " ").split()
    assert " ".join(words[words.index("the") :]).startswith("the file: x, x, ")
    assert " ".join(words).count("; correct it") == 1
    assert shown.count("x") < 60


def test_names_are_text_and_no_markup() -> None:
    shown = printed([Finding(SEVERE, "row '[red]'")], "photos [/old]")
    assert "row '[red]'" in shown
    assert "photos [/old]" in shown
    assert "severe [b]" in shown


def test_names_cannot_control_the_terminal() -> None:
    one = Finding(SEVERE, "row '\x1b[2J\u202e.jpg'", ("\x1b[2J\u202e.jpg",))
    for shown in (printed([one], "photos \x1b[2J"), as_json("\x1b[2J", [one])):
        assert not {"\x1b", "\u202e"} & set(shown)
    assert json.loads(as_json("\x1b[2J", [one]))["findings"][0]["photos"] == ["\x1b[2J\u202e.jpg"]
