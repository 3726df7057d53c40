"""How fast a token's hourly requests may be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api.http.rate_limit import HOUR, RateLimit

SHARES = st.floats(0, 0.99)


def test_a_budget_of_nothing_is_not_divided_by():
    """A limit of 0, which no API should report, is no division by zero."""
    limit = RateLimit(0, 0)

    assert limit.burst(0.5) == 1
    assert limit.seconds_until_unreserved(0.5, 0.0) < float("inf")


@pytest.mark.parametrize(("reserve", "burst"), [(0.0, 250), (0.5, 125), (0.999, 1)])
def test_a_minute_has_a_reserve(reserve, burst):
    """Of the 250 requests of a minute the reserved share remains, and at least one is used."""
    assert RateLimit(5000, 5000).burst(reserve) == burst


@given(st.integers(0, 5000), SHARES, st.none() | st.floats(-HOUR, HOUR))
def test_a_worker_waits_only_below_the_reserve(remaining, reserve, reset):
    """Above it there is no wait; below it a short one, even if the reset is in the past."""
    now = 1_700_000_000.0
    limit = RateLimit(5000, remaining, None if reset is None else now + reset)
    pause = limit.seconds_until_unreserved(reserve, now)

    assert limit.is_short(reserve) == (remaining <= 5000 * reserve)
    assert (pause > 0) == limit.is_short(reserve)
    assert pause >= (reset or 0.0) - 1 or not limit.is_short(reserve)


def test_a_reset_in_the_past_is_ignored():
    """The pause is as long as if the requests returned evenly."""
    missing = RateLimit(5000, 2499, reset=100.0)

    assert missing.seconds_until_unreserved(0.5, 1000.0) == pytest.approx(2 * HOUR / 5000)
