"""What the task log says about a wait: changes, not polls."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_do_images.api import ActionStatus, Image, ImageAction, errors
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.flow import drive_all, wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import (
    MAX_INTERVAL_LOGS,
    MAX_OUTAGE_LOGS,
    WaitProgressLog,
)
from airflow_provider_do_images.core.wait.spec import WaitSpec

BEGUN = datetime(2026, 3, 1, 2, 11, tzinfo=UTC).timestamp()
BROKEN = errors.ServerError("no", request_id="f00")


def running(number):
    """Return an action that started three minutes before the wait."""
    started_at = datetime.fromtimestamp(BEGUN - 180, UTC)
    return ImageAction(number, ActionStatus.IN_PROGRESS, "transfer", started_at, image_id=7)


@pytest.fixture
def lines(caplog):
    """Wait for transfers to regions with a poll every 30 s; return the log and the ends.

    ``answer`` gets the number of the look and the question.
    """
    caplog.set_level("INFO")

    def wait(answer, *regions, hours=2.0):
        now, looks = [BEGUN], [0]

        def ask(question):
            looks[0] += 1
            said = answer(looks[0], question)
            if isinstance(said, Exception):
                raise said
            return said

        def sleep(seconds):
            progress.flush_before(seconds)
            now[0] += seconds

        until = BEGUN + hours * 3600
        waits = [
            WaitSpec(7, number, BEGUN, until, region, droplet_id=42, droplet_name="web-1")
            for number, region in enumerate(regions, 1)
        ]
        seen = [running(one.action_id) for one in waits]
        progress = WaitProgressLog(waits, 30.0, seen, clock=lambda: now[0])
        progress.begin()
        flows = [
            progress.follow(wait_until_finished(one, poll_interval=30.0, clock=lambda: now[0]), one)
            for one in waits
        ]
        ends = drive_all(flows, ask, sleep, clock=lambda: now[0])
        progress.flush()
        return caplog.messages, [end.status for end in ends]

    return wait


def test_the_first_line_has_all_that_is_known(lines):
    """Image, droplet, region and action, the next poll, and the time-out."""
    [first, *_], _ = lines(lambda _, question: running(question.action_id), "fra1")

    for part in (
        "image 7 of droplet web-1 (42) to fra1 (action 1)",
        "30 s",
        "2026-03-01 04:11 UTC",
    ):
        assert part in first


def test_an_interval_that_changes_often_is_logged_a_few_times(caplog):
    """The task log stays short, however long the task waits."""
    caplog.set_level("INFO")
    progress = WaitProgressLog([], 30.0)

    for number in range(100):
        if progress.set_interval(400.0 if number % 2 else 15.0, late=bool(number % 2)):
            progress.log_interval(f"Change {number}.")

    assert len(caplog.messages) == MAX_INTERVAL_LOGS


@pytest.mark.parametrize(
    "answer",
    [
        lambda _, question: running(question.action_id),
        lambda *_: BROKEN,
        lambda look, question: BROKEN if look % 2 else running(question.action_id),
        lambda look, question: BROKEN if look % 50 < 25 else running(question.action_id),
    ],
    ids=["runs", "fails", "alternates", "fails in turns"],
)
@pytest.mark.parametrize("regions", [("fra1",), ("ams3", "fra1", "lon1", "sgp1")])
def test_a_long_wait_has_no_more_lines_than_a_short_one(lines, answer, regions):
    """A day of polls, successful or failed, gives a handful of lines."""
    told, ends = lines(answer, *regions, hours=24)

    assert set(ends) == {WaitStatus.TIMED_OUT}
    assert len(told) <= 2 + 2 * MAX_OUTAGE_LOGS + 4 * len(regions)


def test_failed_polls_are_logged_at_their_start_and_at_their_end(lines):
    """One line with the request, and one when they end, for all waits together."""
    fail = range(5, 13)

    def answer(look, question):
        return BROKEN if look in fail else running(question.action_id)

    told, _ = lines(answer, "ams3", "fra1", "lon1", "sgp1")

    assert sum("actions 1, 2, 3, 4" in text and "request id f00" in text for text in told) == 1
    assert sum("1 min 0 s" in text for text in told) == 1


def test_each_end_is_a_line(lines):
    """Each region has one line when it ends."""
    ended = datetime.fromtimestamp(BEGUN + 45, UTC)

    def answer(_, question):
        if question.action_id is None:
            return Image(7, "x", "snapshot", ("ams3", "fra1"))
        action = running(question.action_id)
        if question.action_id == 3:
            return action
        return ImageAction(
            action.id, ActionStatus.COMPLETED, "transfer", action.started_at, ended, image_id=7
        )

    told, _ = lines(answer, "ams3", "fra1", "sgp1")

    completed = ("ams3  action 1  completed", "fra1  action 2  completed")
    assert [sum(text.startswith(end) for text in told) for end in completed] == [1, 1]
    assert told.index(next(text for text in told if text.startswith(completed[0]))) < told.index(
        next(text for text in told if text.startswith("sgp1  action 3  timed_out"))
    )
