"""How long recent copies took: which are compared, and what is logged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.core.messages import describe_slow_action
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.core.wait.typical_durations import (
    SAMPLE_SIZE,
    Transfer,
    TypicalDuration,
    completed_transfers,
    typical_durations,
)

START = datetime(2026, 11, 23, tzinfo=UTC)


def action(number, seconds=60.0, status="completed", type_="transfer", region="ams3"):
    """Return an action of image 7 with this duration; with None it has no end."""
    end = None if seconds is None else START + timedelta(seconds=seconds)
    return ImageAction(
        number, ActionStatus(status), type_, START, end, region_slug=region, image_id=7
    )


@pytest.mark.parametrize(
    "other",
    [
        action(2, status="in-progress", seconds=None),
        action(2, status="errored"),
        action(2, type_="convert_to_snapshot"),
        action(2, region="sgp1"),
        action(2, region=None),
        action(2, seconds=None),
    ],
)
def test_only_completed_transfers_to_a_requested_region_count(other):
    """Other actions of the account have other durations."""
    assert completed_transfers([action(1), other], ["ams3"]) == [Transfer(7, "ams3", 60.0)]


def test_images_of_about_this_size_are_compared():
    """From half to twice the size; unknown sizes, as of deleted images, are ignored."""
    sizes = {1: 4.9, 2: 5.0, 3: 20.0, 4: 20.1, 5: None}
    transfers = [Transfer(number, "ams3", number * 100.0) for number in range(1, 7)]

    usual = typical_durations(["ams3", "sgp1"], 10.0, transfers, sizes)

    assert usual == {"ams3": TypicalDuration(250.0, 300.0, 2), "sgp1": None}


@pytest.mark.parametrize("size", [None, 0.0])
def test_an_image_without_a_size_is_compared_with_nothing(size):
    """While an import is not done, nothing is logged."""
    usual = typical_durations(["ams3"], size, [Transfer(1, "ams3", 60.0)], {1: 10.0})

    assert usual == {"ams3": None}


@given(st.lists(st.floats(1, 1e5), min_size=1, max_size=30))
def test_the_most_recent_durations_are_reported(seconds):
    """At most ten; the median is between the shortest and the longest of them."""
    transfers = [Transfer(1, "ams3", one) for one in seconds]

    usual = typical_durations(["ams3"], 10.0, transfers, {1: 10.0})["ams3"]

    last = seconds[:SAMPLE_SIZE]
    assert (usual.number, usual.longest) == (len(last), max(last))
    assert min(last) <= usual.median <= usual.longest


@pytest.mark.parametrize(
    ("looked_at", "usual", "words"),
    [
        (action(2, 1799), 600.0, None),
        (action(2, 1800), None, None),
        (action(2, 1800), 600.0, "took 30 min 0 s; recent ones took 10 min 0 s."),
        (action(2, None, "in-progress"), 601.0, None),
        (action(2, None, "in-progress"), 600.0, "has been in progress for 30 min 0 s; recent"),
    ],
)
def test_three_times_the_usual_is_slow(looked_at, usual, words):
    """While it runs and when it has ended; without a history nothing is slow."""
    wait = WaitSpec(7, 2, 0.0, 7200.0, "ams3", typical_seconds=usual)

    told = describe_slow_action(wait, looked_at, START.timestamp() + 1800)

    assert told is None if words is None else words in told
