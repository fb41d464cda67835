import pytest

from pipeline.entries import Schedule
from pipeline.vision.schedules import factor


def test_warm_up_rises_linearly_to_the_peak() -> None:
    schedule = Schedule(name="constant", warmup=2)
    assert [factor(schedule, epoch, 10) for epoch in (0.5, 1, 2, 9)] == [0.25, 0.5, 1, 1]


def test_cosine_falls_from_the_peak_to_zero_after_the_warm_up() -> None:
    schedule = Schedule(name="cosine", warmup=2)
    course = [factor(schedule, epoch / 4, 10) for epoch in range(8, 41)]
    assert course[0] == 1
    assert course[-1] == pytest.approx(0)
    assert factor(schedule, 6, 10) == pytest.approx(0.5)
    assert course == sorted(course, reverse=True)


def test_step_multiplies_every_so_many_epochs() -> None:
    schedule = Schedule(name="step", step=3, factor=0.5)
    assert [factor(schedule, epoch, 10) for epoch in (0, 2.9, 3, 6)] == [1, 1, 0.5, 0.25]
