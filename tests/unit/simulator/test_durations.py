"""Durations of transfers and snapshots."""

from __future__ import annotations

from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.simulator.state.durations import snapshot_seconds, transfer_seconds
from airflow_provider_do_images.simulator.state.regions import all_regions, distance_km

REGIONS = all_regions()
SLUGS = st.sampled_from(sorted(REGIONS))
SIZES = st.floats(0, 2000)
SEEDS = st.integers()


def seconds_of(size, sources, destination, seed):
    """Return the duration of a transfer between slugs, by seed."""
    places = [REGIONS[source] for source in sources]
    return transfer_seconds(size, places, REGIONS[destination], Random(seed))


@given(SIZES, st.lists(SLUGS), SLUGS, SEEDS)
def test_a_transfer_takes_from_two_to_eighty_minutes(size, sources, destination, seed):
    """All durations are in the range, and a seed gives the same duration."""
    seconds = seconds_of(size, sources, destination, seed)

    assert 120 <= seconds <= 4800
    assert seconds == seconds_of(size, sources, destination, seed)


@given(SIZES, SIZES, SLUGS, SLUGS, SEEDS)
def test_a_larger_image_takes_no_less(one, other, source, destination, seed):
    """The duration increases with the size."""
    small, large = sorted((one, other))

    assert seconds_of(small, [source], destination, seed) <= seconds_of(
        large, [source], destination, seed
    )


@given(SIZES, SLUGS, SLUGS, SLUGS, SEEDS)
def test_a_further_region_takes_no_less(size, one, other, destination, seed):
    """The duration increases with the distance."""
    near, far = sorted(
        (one, other), key=lambda slug: distance_km(REGIONS[slug], REGIONS[destination])
    )

    assert seconds_of(size, [near], destination, seed) <= seconds_of(size, [far], destination, seed)


@given(SIZES, st.lists(SLUGS, min_size=1), SLUGS, SEEDS)
def test_the_nearest_source_is_used(size, sources, destination, seed):
    """The nearest of several source regions determines the duration."""
    assert seconds_of(size, sources, destination, seed) == min(
        seconds_of(size, [source], destination, seed) for source in sources
    )


def test_typical_durations_match_the_reports():
    """A small image takes minutes within a city, and about three times as long around the world."""
    city = median(seconds_of(2.5, ["nyc3"], "nyc1", seed) for seed in range(400))
    world = median(seconds_of(2.5, ["nyc3"], "syd1", seed) for seed in range(400))

    assert 120 < city < 300
    assert world / city == pytest.approx(3, abs=0.8)


def test_few_transfers_take_very_long():
    """A few transfers take several times the typical duration, up to the maximum."""
    times = [seconds_of(15, ["sfo3"], "nyc1", seed) for seed in range(2000)]
    usual = median(times)

    slow = [seconds for seconds in times if seconds > 2 * usual]

    assert 0.02 < len(slow) / len(times) < 0.08
    assert max(times) == 4800


def test_a_snapshot_takes_about_two_minutes_for_each_gigabyte():
    """The duration is random in a range, and a seed gives the same duration."""
    times = [snapshot_seconds(10, Random(seed)) for seed in range(400)]

    assert 600 < min(times) < max(times) < 1400
    assert snapshot_seconds(10, Random(3)) == times[3]


def test_distances_are_those_of_the_earth():
    """The distance is symmetric, 0 km to itself, and about 16,000 km from New York to Sydney."""
    new_york, sydney = REGIONS["nyc3"], REGIONS["syd1"]

    assert distance_km(new_york, REGIONS["nyc1"]) == 0
    assert distance_km(new_york, sydney) == pytest.approx(15990, abs=50)
    assert distance_km(new_york, sydney) == pytest.approx(distance_km(sydney, new_york))
