"""errors: every fault is named, all at once."""

import errno

import pytest

from pipeline.foundation.errors import InputError, describe, did_you_mean, raise_faults


def test_every_fault_is_a_line_below_the_summary() -> None:
    faults = [f"row {row}: wrong" for row in range(500)]
    with pytest.raises(InputError) as error:
        raise_faults("train.csv", faults)
    assert str(error.value).splitlines() == ["train.csv (500):", *(f"  {fault}" for fault in faults)]


def test_without_faults_nothing_is_raised() -> None:
    raise_faults("train.csv", [])


def test_a_near_word_is_offered_and_a_far_one_is_not() -> None:
    assert did_you_mean("metod", ["method", "grow", "size"]) == "; did you mean 'method'?"
    assert did_you_mean("exposure", ["method", "grow", "size"]) == ""
    assert did_you_mean("method", ["method"]) == ""


def test_a_word_that_is_begun_comes_before_one_that_is_alike() -> None:
    words = ["r1-podium-b3", "r0", "resnet10t", "resnet101", "resnet18"]
    assert did_you_mean("r1", words) == "; did you mean 'r1-podium-b3'?"
    assert did_you_mean("resnet10", words, most=3) == "; did you mean 'resnet101' or 'resnet10t' or 'resnet18'?"


def test_one_letter_begins_nothing() -> None:
    assert did_you_mean("c", ["center", "crop"]) == ""


def test_a_refusal_of_the_system_names_file_reason_and_remedy() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "data/crops/train.npy")
    assert describe(full) == (
        "data/crops/train.npy: No space left on device; free some space on this disk and run the command again"
    )
    assert describe(OSError(errno.EFBIG, "File too large")).startswith("File too large; raise the limit")
    assert describe(OSError("broken data stream")) == "broken data stream"
