"""reviewing: every decision is on disk at once, can be changed and undone, and becomes a correction."""

from pathlib import Path
from threading import Thread

import pytest

from pipeline.dataset import corrections
from pipeline.dataset.corrections import SWAP
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.label_quality.review import decisions
from pipeline.label_quality.review.decisions import Decision
from pipeline.label_quality.review.reviewing import Choice, OutdatedError, Review
from tests.support.suspects import PEOPLE, Workspace

MALE, REJECTED, UNSURE = (Choice("gender", "male", verdict) for verdict in ("accept", "reject", "unsure"))


def decide(review: Review, number: int, *choices: Choice) -> None:
    review.decide(review.revision(), PEOPLE[number], choices)


def verdicts(review: Review) -> list[tuple[str, str, str]]:
    return [(one.id, one.field, one.verdict) for one in review.decisions()]


def test_a_review_resumes_where_it_was_killed(workspace: Workspace) -> None:
    review = workspace.review()
    for number, choice in enumerate((MALE, REJECTED, UNSURE)):
        decide(review, number, choice)
    del review
    assert [verdict for *_, verdict in verdicts(workspace.review())] == ["accept", "reject", "unsure"]


def test_relabel_applies_the_accepted_decisions_only(workspace: Workspace) -> None:
    review = workspace.review()
    decide(review, 0, MALE, Choice("age", "63", "accept"))
    decide(review, 1, REJECTED)
    decide(review, 2, UNSURE)
    decide(review, 11, Choice("mask", SWAP, "accept"))
    labels = workspace.relabel("anna").set_index("path")
    changed = labels[labels["corrected"] != ""]
    assert set(changed["person"]) == {PEOPLE[0], PEOPLE[11]}
    assert set(changed.loc[changed["person"] == PEOPLE[0], "age"]) == {63}
    assert labels.loc[f"{PEOPLE[11]}/normal.png", "mask"] == "incorrect"


def test_corrections_have_the_reviewer_and_the_time(workspace: Workspace) -> None:
    review = workspace.review()
    decide(review, 0, MALE)
    row = tables.read(review.fixes, dict.fromkeys(decisions.FIXES, "text")).iloc[0]
    assert (row["reviewer"], row["time"]) == ("anna", review.decisions()[0].time)
    assert [fix.value for fix in corrections.read(review.fixes.parent, ["anna"])] == ["male"]


def test_a_page_that_is_loaded_while_another_decides_is_outdated(workspace: Workspace) -> None:
    review, other = workspace.review(), workspace.review()

    class Read(Review):
        def decisions(self) -> list[Decision]:
            decide(other, 1, REJECTED)
            return super().decisions()

    revision, shown = Read(review.cases, review.file, review.fixes, review.reviewer).state()
    assert [decision.id for decision in shown] == [PEOPLE[1]]
    with pytest.raises(OutdatedError):
        review.decide(revision, PEOPLE[0], [MALE])


def test_one_of_two_simultaneous_decisions_is_refused(workspace: Workspace) -> None:
    review, other = workspace.review(), workspace.review()
    refused: list[OutdatedError] = []

    def decide_too() -> None:
        try:
            other.decide("", PEOPLE[1], [REJECTED])
        except OutdatedError as error:
            refused.append(error)

    class Interrupted(Review):
        def decisions(self) -> list[Decision]:
            """The file as it is read between the check of the revision and the write."""
            thread.start()
            thread.join(timeout=0.5)
            return super().decisions()

    thread = Thread(target=decide_too)
    Interrupted(review.cases, review.file, review.fixes, review.reviewer).decide("", PEOPLE[0], [MALE])
    thread.join()
    assert refused
    assert verdicts(review) == [(PEOPLE[0], "gender", "accept")]


def test_undo_removes_a_whole_step_and_then_the_one_before(workspace: Workspace) -> None:
    review = workspace.review()
    decide(review, 1, REJECTED)
    decide(review, 0, MALE, Choice("age", "62", "reject"))
    review.undo(review.revision())
    assert verdicts(review) == [(PEOPLE[1], "gender", "reject")]
    review.undo(review.revision())
    review.undo(review.revision())
    assert verdicts(review) == []
    assert corrections.read(review.fixes.parent, ["anna"]) == []


def test_a_decision_can_be_changed(workspace: Workspace) -> None:
    review = workspace.review()
    decide(review, 0, MALE)
    decide(review, 0, REJECTED)
    assert verdicts(review) == [(PEOPLE[0], "gender", "reject")]


def test_a_step_from_an_outdated_page_is_refused_and_nothing_is_lost(workspace: Workspace) -> None:
    one, other = workspace.review(), workspace.review()
    stale = other.revision()
    decide(one, 0, MALE)
    with pytest.raises(OutdatedError, match="reload the page"):
        other.decide(stale, PEOPLE[1], [REJECTED])
    assert verdicts(other) == [(PEOPLE[0], "gender", "accept")]


@pytest.mark.parametrize(
    "choice",
    [
        Choice("gender", "female", "accept"),
        Choice("age", "old", "accept"),
        Choice("age", "20", "accept"),
        Choice("shoes", "42", "accept"),
        Choice("gender", "male", "perhaps"),
    ],
)
def test_an_invalid_choice_is_refused(workspace: Workspace, choice: Choice) -> None:
    review = workspace.review()
    with pytest.raises(InputError):
        decide(review, 0, choice)
    assert verdicts(review) == []


def test_only_people_under_review_can_be_decided_on(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="not under review"):
        decide(workspace.review(), 10, MALE)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{0},gender,female,male,accept,ben,2026", "row 3: gender of {0} is already decided in row 2"),
        ("{1},gender,female,male,perhaps,ben,2026", "verdict 'perhaps'"),
        ("{1},gender,female,female,accept,ben,2026", "was and value are both female"),
    ],
)
def test_a_malformed_file_of_decisions_is_named_and_not_changed(workspace: Workspace, row: str, message: str) -> None:
    review = workspace.review()
    decide(review, 0, MALE)
    with review.file.open("a") as file:
        file.write(row.format(*PEOPLE) + "\n")
    before = review.file.read_bytes()
    with pytest.raises(InputError, match=message.format(*PEOPLE)):
        workspace.review()
    assert review.file.read_bytes() == before


def test_a_decision_on_an_unknown_person_is_named(workspace: Workspace) -> None:
    review = workspace.review()
    decide(review, 0, MALE)
    with pytest.raises(InputError, match=f"id '{PEOPLE[0]}' is not a person of the data set"):
        review.open(PEOPLE[1:])


@pytest.mark.parametrize(
    "others", ["id,field,was,value,source\n", "id,field,was,value,source,reviewer\n1,a,b,c,d,ben\n"]
)
def test_corrections_of_another_reviewer_are_not_overwritten(workspace: Workspace, others: str) -> None:
    (workspace.root / "fixes").mkdir()
    theirs = workspace.root / "fixes" / "anna.csv"
    theirs.write_text(others)
    with pytest.raises(InputError, match="would be overwritten"):
        workspace.review()
    assert theirs.read_text() == others


def test_corrections_from_other_decisions_are_not_overwritten(workspace: Workspace) -> None:
    """The file of decisions had another name, or is lost; only the corrections are left of it."""
    review = workspace.review()
    decide(review, 0, MALE)
    before = review.fixes.read_bytes()
    review.file.rename(review.file.with_name("elsewhere.csv"))
    with pytest.raises(InputError, match="corrections by anna that would be overwritten"):
        workspace.review()
    assert review.fixes.read_bytes() == before


def test_a_kill_between_the_two_files_is_repaired_at_the_next_start(workspace: Workspace) -> None:
    review = workspace.review()
    decide(review, 0, MALE)
    before = review.fixes.read_bytes()
    decide(review, 1, MALE)
    after = review.fixes.read_bytes()
    Path(review.fixes).write_bytes(before)
    workspace.review()
    assert review.fixes.read_bytes() == after


def test_there_is_no_file_of_corrections_before_the_first_acceptance(workspace: Workspace) -> None:
    """A new file in fixes/ would make the stage `relabel` stale."""
    review = workspace.review()
    decide(review, 0, REJECTED)
    assert not review.fixes.exists()
    decide(review, 1, MALE)
    review.undo(review.revision())
    assert corrections.read(review.fixes.parent, ["anna"]) == []
