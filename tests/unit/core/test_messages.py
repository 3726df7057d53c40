"""Messages about a wait name its image, region, action and cause."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.core.messages import (
    describe_not_cancelled,
    describe_wait_result,
    duration_text,
)
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

WAIT = WaitSpec(7, 9, started_at=1000.0, deadline=8200.0, region="ams3", verify_timeout=120.0)
STARTED_AT = datetime.fromtimestamp(400, UTC)
IDS = "image 7 to ams3 (action 9)"


@pytest.mark.parametrize("outcome", WaitStatus)
def test_each_end_has_the_ids_and_the_cause(outcome):
    """A completed or errored action is a status of the API, which has no cause."""
    action = ImageAction(9, ActionStatus.ERRORED, "transfer", started_at=STARTED_AT, image_id=7)

    text = describe_wait_result(WaitResult(outcome, WAIT, 4600.0, action, "THE CAUSE"))

    assert IDS in text
    assert ("THE CAUSE" in text) == (outcome not in (WaitStatus.COMPLETED, WaitStatus.ERRORED))


@pytest.mark.parametrize("status", [ActionStatus.IN_PROGRESS, ActionStatus.COMPLETED, None])
def test_a_time_out_has_the_last_status(status):
    """A completed action can time out while its copy is verified; a new one was never read."""
    action = status and ImageAction(9, status, "transfer", started_at=STARTED_AT, image_id=7)

    text = describe_wait_result(WaitResult(WaitStatus.TIMED_OUT, WAIT, 8200.0, action))

    known = {
        ActionStatus.IN_PROGRESS: "in progress",
        ActionStatus.COMPLETED: "is completed",
        None: "never",
    }
    assert known[status] in text


def test_a_stopped_wait_has_the_ids():
    """The action continues, so a reader needs its id."""
    assert IDS in describe_not_cancelled([WAIT])


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
    assert duration_text(seconds) == text
