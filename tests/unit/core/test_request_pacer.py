"""When the shared poller may send a request."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api.http.rate_limit import HOUR, MINUTE, RateLimit
from airflow_provider_do_images.core.poller.request_pacer import LAST_POLL_SHARE, RequestPacer

START = 1_000_000.0


class Api:
    """Counts the requests of a sliding hour, as DigitalOcean does."""

    def __init__(self, limit=5000, others=()):
        self.limit = limit
        self.times = deque(others)

    def spend(self, now):
        """Count a request, and return what the response reports."""
        while self.times and self.times[0] <= now - HOUR:
            self.times.popleft()
        self.times.append(now)
        return RateLimit(self.limit, self.limit - len(self.times), self.times[0] + HOUR)


def drive(pacers, api, hours):
    """Let pacers with unlimited demand send, in cycles of 50 requests; return when they did."""
    sent, times = [], [START] * len(pacers)
    while min(times) < START + hours * HOUR:
        number = times.index(min(times))
        pacer, now = pacers[number], times[number]
        begun, requests = now, 0
        for _ in range(50):
            if (pause := pacer.wait_time(now)) > 0:
                now += pause
                break
            pacer.record_request(now)
            pacer.update(api.spend(now), now)
            sent.append(now)
            requests += 1
            now += 0.25
        times[number] = max(now, begun + requests * pacer.seconds_per_request(now))
    return sorted(sent)


def most_in(seconds, times):
    """Return the most requests in any window of so many seconds."""
    window, most = deque(), 0
    for moment in times:
        window.append(moment)
        while window[0] <= moment - seconds:
            window.popleft()
        most = max(most, len(window))
    return most


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("reserve", [0.1, 0.5, 0.9])
def test_the_reserve_is_never_used(reserve, number):
    """One or two pollers with endless demand stay within the unreserved share of each hour."""
    pacers = [RequestPacer() for _ in range(number)]
    for pacer in pacers:
        pacer.reserve = reserve

    sent = drive(pacers, Api(), hours=4)

    own = 5000 * (1 - reserve)
    assert own * 0.9 <= most_in(HOUR, sent) <= own
    assert most_in(MINUTE, sent) <= 250 * (1 - reserve)


def test_requests_never_stop_for_long():
    """The pace leaves requests for the end of the hour, when the first ones have not returned."""
    pacer = RequestPacer()
    pacer.reserve = 0.5

    sent = drive([pacer], Api(), hours=3)

    assert max(later - sooner for sooner, later in itertools.pairwise(sent)) < 10 * MINUTE


def test_requests_of_another_client_return_evenly():
    """A poller that starts at the reserve uses the returning requests, and no more."""
    pacer = RequestPacer()
    pacer.reserve = 0.5
    others = [START - HOUR + number * HOUR / 2500 for number in range(2500)]

    sent = drive([pacer], Api(others=others), hours=1)

    assert 2000 <= len(sent) <= 2500


def test_without_rate_limit_headers_requests_are_not_delayed():
    """The first response has the limits; until then there are none to apply."""
    assert RequestPacer().wait_time(START) == RequestPacer().seconds_per_request(START) == 0


@given(st.integers(0, 5000), st.floats(0, 0.99), st.none() | st.floats(-HOUR, HOUR))
def test_a_wait_is_finite_and_enough(remaining, reserve, reset):
    """After the wait, a request is allowed without another one."""
    pacer = RequestPacer()
    pacer.reserve = reserve
    pacer.record_request(START)
    pacer.update(RateLimit(5000, remaining, None if reset is None else START + reset), START)

    pause = pacer.wait_time(START)

    assert 0 <= pause <= HOUR
    assert pause == HOUR or pacer.wait_time(START + pause) <= 1e-3
    assert 0 < pacer.seconds_per_request(START) < HOUR


def test_last_polls_may_use_the_reserve_up_to_a_bound():
    """A thousand simultaneous deadlines use a twentieth of the hourly limit, and no more."""
    pacer, now = RequestPacer(), START
    pacer.reserve = 0.5
    pacer.update(RateLimit(5000, 100), now)
    allowed = 0
    for _ in range(1000):
        pause = pacer.last_poll_wait_time(now)
        if pause > MINUTE:
            break
        now += pause
        pacer.record_request(now, last_poll=True)
        pacer.update(RateLimit(5000, 100), now)
        allowed += 1

    assert allowed == 5000 * LAST_POLL_SHARE
