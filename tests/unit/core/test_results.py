"""The rows of a set of copies, and the event that carries them from the triggerer."""

from __future__ import annotations

import json

import pytest

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.core.results import (
    ActionResult,
    ReplicationStatus,
    Submission,
    WaitStatus,
    replication_status,
)
from airflow_provider_do_images.core.wait.event import merge_wait_results, read_event, to_event
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec


def row(region, wait_status=None, **values):
    """Return the row of a region."""
    return ActionResult(7, 3, "web-1", region, wait_status=wait_status, **values)


@pytest.mark.parametrize(
    ("ends", "status", "retryable"),
    [
        (["completed", "completed"], ReplicationStatus.COMPLETED, False),
        (["completed", "errored"], ReplicationStatus.PARTIAL, True),
        (["completed", "rejected"], ReplicationStatus.PARTIAL, False),
        (["rejected", "access_denied"], ReplicationStatus.FAILED, False),
        (["rejected", "timed_out"], ReplicationStatus.FAILED, True),
        (["submit_failed"], ReplicationStatus.FAILED, True),
    ],
)
def test_status_and_retry_of_a_set(ends, status, retryable):
    """The status is that of all rows; one retryable row is enough for a retry."""
    rows = [
        row("ams3", submission=Submission(end))
        if end in set(Submission)
        else row("ams3", WaitStatus(end))
        for end in ends
    ]

    assert replication_status(rows) is status
    assert any(one.is_retryable for one in rows) == retryable


def event():
    """Return the event of a replication to three regions, two of which were waited for."""
    ends = {"ams3": ("completed", WaitStatus.COMPLETED), "sgp1": ("errored", WaitStatus.ERRORED)}
    rows, results = [row("nyc3", WaitStatus.COMPLETED, submission=Submission.ALREADY_EXISTS)], []
    for number, (region, (status, wait_status)) in enumerate(ends.items(), 1):
        action = ImageAction(number, ActionStatus(status), "transfer", region_slug=region)
        wait = WaitSpec(7, number, 0.0, 60.0, region, droplet_id=3, droplet_name="web-1")
        results.append(WaitResult(wait_status, wait, 30.0, action))
        rows.append(row(region, None, submission=Submission.SUBMITTED, action=action))
    return json.loads(json.dumps(to_event(results, [r.to_json() for r in rows])))


def test_an_event_gives_a_row_for_each_region():
    """In the order of the rows, with the words of what failed."""
    rows = merge_wait_results(*read_event(event()))

    assert [(r.region, r.wait_status) for r in rows] == [
        ("nyc3", "completed"),
        ("ams3", "completed"),
        ("sgp1", "errored"),
    ]
    assert "transfer of image 7 of droplet web-1 (3) to sgp1 (action 2) errored" in rows[2].error


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: None,
        lambda _: {},
        lambda event: {**event, "version": 2},
        lambda event: {**event, "rows": "all"},
        lambda event: {**event, "rows": event["rows"][:2]},
        lambda event: {**event, "rows": [{"image_id": 7}]},
        lambda event: {**event, "rows": [{**event["rows"][0], "more": 1}, *event["rows"][1:]]},
        lambda event: {**event, "rows": [*event["rows"][:2], {**event["rows"][2], "id": 9}]},
        lambda event: {**event, "rows": [*event["rows"][:2], {**event["rows"][2], "image_id": 9}]},
        lambda event: {**event, "results": None},
        lambda event: {**event, "results": event["results"] * 2},
        lambda event: {**event, "results": ["completed", "errored"]},
    ],
)
def test_an_incomplete_event_is_not_a_success(spoil):
    """Missing, doubled or changed parts are refused, because a guess may be wrong."""
    with pytest.raises(ValueError, match=r"not the (event|row)|not of the actions"):
        merge_wait_results(*read_event(spoil(event())))
