"""errors: every fault is named, all at once."""

import pytest

from pipeline.foundation.errors import InputError, raise_faults


def test_every_fault_is_a_line_below_the_summary() -> None:
    faults = [f"row {row}: wrong" for row in range(500)]
    with pytest.raises(InputError) as error:
        raise_faults("train.csv", faults)
    assert str(error.value).splitlines() == ["train.csv (500):", *(f"  {fault}" for fault in faults)]


def test_without_faults_nothing_is_raised() -> None:
    raise_faults("train.csv", [])
