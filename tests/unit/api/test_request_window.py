"""How many requests of a rate limit are a client's own."""

from __future__ import annotations

from airflow_provider_do_images.api.http.request_window import SentRequests


def test_requests_are_counted_for_as_long_as_the_limit_counts_them():
    """And it is known when there will be fewer."""
    now = [0.0]
    sent = SentRequests(lambda: now[0])
    for moment in (0.0, 10.0, 20.0):
        now[0] = moment
        sent.add()

    assert [sent.count(seconds) for seconds in (60, 20, 5)] == [3, 2, 1]
    assert [sent.seconds_until_fewer(than, 60) for than in (4, 3, 2, 1)] == [0.0, 40.0, 50.0, 60.0]
    now[0] = 81.0
    assert (sent.count(60), sent.seconds_until_fewer(1, 60)) == (0, 0.0)
