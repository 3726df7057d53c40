"""The words for whoever reads the log at night."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_do_images.actions.judge import Outcome, Verdict, Wait
from airflow_provider_do_images.actions.messages import deadline, duration, explain, goes_on
from airflow_provider_do_images.api import ActionStatus, ImageAction

WAIT = Wait(7, 9, started_at=1000.0, deadline=8200.0, region="ams3", proof_timeout=120.0)


def at(seconds):
    """Return a moment so many seconds after 1970."""
    return datetime.fromtimestamp(seconds, UTC)


ACTION = ImageAction(
    9, ActionStatus.ERRORED, "transfer", started_at=at(1000), completed_at=at(1385), image_id=7
)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_end_names_image_region_and_action(outcome):
    """Whatever happened, the reader knows to what."""
    words = explain(Verdict(outcome, WAIT, 4600.0, ACTION, "because of this."))

    assert "transfer of image 7 to ams3 (action 9)" in words


def test_an_errored_action_tells_its_age_and_that_there_is_no_reason():
    """The API gives none, which the reader must know."""
    words = explain(Verdict(Outcome.ERRORED, WAIT, 4600.0, ACTION))

    assert "errored at DigitalOcean after 6 min 25 s. The API gives no reason" in words


def test_a_time_out_tells_that_it_goes_on_for_how_long_and_how_to_join():
    """Nothing was cancelled."""
    running = ImageAction(9, ActionStatus.IN_PROGRESS, "transfer", started_at=at(400), image_id=7)

    words = explain(Verdict(Outcome.TIMED_OUT, WAIT, 8200.0, running))

    assert "timed out: not finished after 2 h 0 min of waiting" in words
    assert "It is in-progress, for 2 h 10 min by now." in words
    assert "it goes on at DigitalOcean, and a new wait for these ids joins it" in words


def test_a_time_out_tells_no_more_than_was_seen():
    """What had completed is not called in-progress, and what was never seen is called nothing."""
    completed = ImageAction(9, ActionStatus.COMPLETED, "transfer", started_at=at(400), image_id=7)

    in_the_proof = explain(Verdict(Outcome.TIMED_OUT, WAIT, 8200.0, completed))
    unseen = explain(Verdict(Outcome.TIMED_OUT, WAIT, 8200.0))

    assert "itself is completed; the image did not show it yet" in in_the_proof
    assert "It was not seen yet." in unseen
    assert "in-progress" not in in_the_proof + unseen


@pytest.mark.parametrize(
    "outcome",
    [Outcome.UNVERIFIED, Outcome.NOT_FOUND, Outcome.ACCESS_DENIED, Outcome.UNKNOWN_STATUS],
)
def test_the_reason_of_the_last_look_is_told(outcome):
    """In the words of the error."""
    assert "because of this." in explain(Verdict(outcome, WAIT, 1.0, ACTION, "because of this."))


def test_whoever_stops_a_wait_is_told_that_the_action_goes_on():
    """With the ids to join it by."""
    words = goes_on([WAIT])

    assert "image 7 to ams3 (action 9)" in words
    assert "no way to cancel an action: it goes on, and a new wait joins it" in words


def test_a_deadline_is_written_in_utc():
    """So that nobody has to guess."""
    assert deadline(WAIT) == "1970-01-01 02:16:40 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (45, "45 s"),
        (725, "12 min 5 s"),
        (4800, "1 h 20 min"),
        (36 * 3600, "36 h 0 min"),
        (48 * 3600, "2 d 0 h"),
        (1440 * 3600 + 39 * 60, "60 d 0 h"),
    ],
)
def test_a_duration_has_the_two_units_that_suit_it(seconds, text):
    """Days, where hours would have to be divided by the reader."""
    assert duration(seconds) == text
