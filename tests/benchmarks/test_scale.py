"""scale: the simulation obeys what is known of it without simulating."""

from dataclasses import replace

import pytest

from benchmarks.scale import Cluster, crop_hours, epoch_minutes

STEADY = Cluster(nodes=1, shards=1, start=0, failures=0, store=1e9)


def test_one_node_without_starts_and_failures_works_at_its_rate() -> None:
    ideal = 10_000_000 / (STEADY.cropped * STEADY.cores) / 3600
    assert crop_hours(replace(STEADY, shards=1000)) == pytest.approx(ideal, rel=0.02)


def test_a_store_too_slow_sets_the_pace() -> None:
    assert crop_hours(replace(STEADY, nodes=8, shards=800, store=100)) == pytest.approx(1e12 / 100e6 / 3600, rel=0.05)


def test_every_shard_that_fetches_everything_costs_more() -> None:
    assert crop_hours(Cluster(pulls_all=True)) > 5 * crop_hours(Cluster())


def test_one_gpu_exchanges_nothing() -> None:
    assert epoch_minutes(1, 1000, 64, 47, 1) == pytest.approx(10_000_000 / 1000 / 60, rel=0.01)
