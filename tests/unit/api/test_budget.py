"""How fast a token's hourly requests may be used."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api.budget import HOUR, RateLimit

SHARES = st.floats(0, 0.99)


@given(st.integers(0, 5000), st.integers(0, 5000), SHARES)
def test_the_less_is_left_the_longer_a_request_is_made_up_for(one, other, reserve):
    """The pace follows what is left, without a step back."""
    less, more = sorted((one, other))

    assert (
        RateLimit(5000, less).seconds_per_request(reserve)
        >= RateLimit(5000, more).seconds_per_request(reserve)
        > 0
    )


@given(st.integers(1, 5000), SHARES)
def test_a_request_changes_the_pace_smoothly(remaining, reserve):
    """One request less never makes the next pause more than ten times as long."""
    before = RateLimit(5000, remaining).seconds_per_request(reserve)

    assert RateLimit(5000, remaining - 1).seconds_per_request(reserve) <= 10 * before


@pytest.mark.parametrize("reserve", [0.1, 0.5, 0.9])
def test_somebody_who_asks_all_the_time_leaves_the_reserve(reserve):
    """Of what is kept for others no more is taken than the trickle of an hour, day and night."""
    now, sent, lowest, own = 0.0, deque(), 5000, 5000 * (1 - reserve)
    while now < 6 * HOUR:
        while sent and sent[0] <= now - HOUR:
            sent.popleft()
        left = RateLimit(5000, 5000 - len(sent))
        lowest = min(lowest, left.remaining)
        sent.append(now)
        now += left.seconds_per_request(reserve)

    assert lowest >= 5000 * reserve - own / 10
    assert len(sent) >= own / 2  # and it does not leave most of its own part either


def test_at_the_reserve_a_trickle_goes_on():
    """A tenth of the pace that the hour would allow, however little is left."""
    own_pace = HOUR / 2500

    for remaining in (2500, 100, 0):
        pause = RateLimit(5000, remaining).seconds_per_request(0.5)
        assert pause == pytest.approx(10 * own_pace)


def test_a_budget_of_nothing_is_not_divided_by():
    """A limit of 0, which no API should tell, makes a request an hour."""
    limit = RateLimit(0, 0)

    assert limit.seconds_per_request(0.5) == HOUR
    assert limit.burst(0.5) == 1
    assert limit.seconds_until_unreserved(0.5, 0.0) < float("inf")


@pytest.mark.parametrize(("reserve", "burst"), [(0.0, 250), (0.5, 125), (0.999, 1)])
def test_a_minute_has_room_for_others_too(reserve, burst):
    """Of the 250 requests that the API allows in a minute the same share is left, and one used."""
    assert RateLimit(5000, 5000).burst(reserve) == burst


@given(st.integers(0, 5000), SHARES, st.none() | st.floats(-HOUR, HOUR))
def test_a_worker_waits_only_below_the_reserve(remaining, reserve, reset):
    """Above it not at all; below it for a while, also if the reset lies in the past."""
    now = 1_700_000_000.0
    limit = RateLimit(5000, remaining, None if reset is None else now + reset)
    pause = limit.seconds_until_unreserved(reserve, now)

    assert limit.is_short(reserve) == (remaining <= 5000 * reserve)
    assert (pause > 0) == limit.is_short(reserve)
    assert pause >= (reset or 0.0) - 1 or not limit.is_short(reserve)


def test_a_reset_in_the_past_says_nothing():
    """Then the pause is what an even return of the requests makes it."""
    missing = RateLimit(5000, 2499, reset=100.0)

    assert missing.seconds_until_unreserved(0.5, 1000.0) == pytest.approx(2 * HOUR / 5000)
