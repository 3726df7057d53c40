"""What a user asks for, and what became of it: the pure parts of a replication."""

from __future__ import annotations

import json

import pytest

from airflow_provider_do_images.api import ActionStatus, ImageAction, InvalidInputError
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import (
    SUBMIT_FAILED,
    ImageRef,
    ReplicationStatus,
    describe_replication,
    is_retryable,
    read_event,
    replication_status,
)
from airflow_provider_do_images.core.wait.evaluate import WaitResult, WaitSpec, WaitStatus

CONVERTED = {"image_id": 7, "droplet_id": 3, "droplet_name": "web-1", "outcome": "submitted"}


def row(region, end, **values):
    """Return the row of a region that ended so."""
    return ActionResult(7, 3, "web-1", region, end=end, **values)


@pytest.mark.parametrize(
    ("image", "image_id", "expected"),
    [
        (CONVERTED, None, ImageRef(7, 3, "web-1")),
        ({"image_id": "7"}, None, ImageRef(7)),
        (None, "7", ImageRef(7)),
    ],
)
def test_an_image_is_a_row_or_an_id(image, image_id, expected):
    """A row brings the droplet along, if it knows it."""
    assert ImageRef.checked(image, image_id) == expected


@pytest.mark.parametrize(
    ("image", "image_id", "named"),
    [
        (None, None, "image_id"),
        (CONVERTED, 7, "image_id"),
        ({"id": 7}, None, "id"),
        ({"image_id": None}, None, "image_id"),
        ({"image_id": 7, "droplet_id": "x"}, None, "droplet_id"),
        (str(CONVERTED), None, r"image=convert\.output"),
        (("image_id", 7), None, r"\.expand\(\)"),
        ([CONVERTED], None, r"\.expand\(image="),
        (7, None, "id"),
    ],
)
def test_any_other_shape_is_refused(image, image_id, named):
    """The error names the wrong key, or the line of the DAG that would be right."""
    with pytest.raises(InvalidInputError, match=named):
        ImageRef.checked(image, image_id)


@pytest.mark.parametrize(
    ("ends", "state", "retried"),
    [
        (["completed", "completed"], ReplicationStatus.COMPLETED, False),
        (["completed", "errored"], ReplicationStatus.PARTIAL, True),
        (["completed", "refused"], ReplicationStatus.PARTIAL, False),
        (["refused", "access_denied"], ReplicationStatus.FAILED, False),
        (["refused", "timed_out"], ReplicationStatus.FAILED, True),
        (["submit_failed"], ReplicationStatus.FAILED, True),
    ],
)
def test_the_aggregate_and_what_a_retry_may_help(ends, state, retried):
    """All, some or none; and it takes one region that a retry may help."""
    rows = [row(f"ams{number}", end) for number, end in enumerate(ends, 1)]

    assert (replication_status(rows), is_retryable(rows)) == (state, retried)


def test_the_message_has_the_droplet_and_each_missing_region():
    """With the cause of each; regions that have the copy are listed apart."""
    rows = [row("ams3", "completed"), row("sgp1", SUBMIT_FAILED, error="the API is down.")]

    words = describe_replication(rows, 0.0)

    for part in ("partial: 1 of 2", "image 7 of droplet web-1 (3)", "(ams3)", "sgp1: the API"):
        assert part in words


def event():
    """Return the event of a replication to three regions, two of which were waited for."""
    ends = {"ams3": ("completed", WaitStatus.COMPLETED), "sgp1": ("errored", WaitStatus.ERRORED)}
    rows, verdicts = [row("nyc3", "completed", outcome="already_exists")], []
    for number, (region, (status, outcome)) in enumerate(ends.items(), 1):
        action = ImageAction(number, ActionStatus(status), "transfer", region_slug=region)
        wait = WaitSpec(7, number, 0.0, 60.0, region, droplet_id=3, droplet_name="web-1")
        verdicts.append(WaitResult(outcome, wait, 30.0, action).to_event())
        rows.append(row(region, None, outcome="submitted", action=action))
    return json.loads(json.dumps({"rows": [r.to_json() for r in rows], "verdicts": verdicts}))


def test_an_event_gives_a_row_for_each_region():
    """In the order of the rows, with the words of what failed."""
    rows = read_event(event())

    assert [(r.region, r.end) for r in rows] == [
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
        lambda event: {**event, "status": "success"},
        lambda event: {**event, "rows": []},
        lambda event: {**event, "rows": event["rows"][:2]},
        lambda event: {**event, "rows": [{"image_id": 7}]},
        lambda event: {**event, "rows": [{**event["rows"][0], "more": 1}, *event["rows"][1:]]},
        lambda event: {**event, "rows": [*event["rows"][:2], {**event["rows"][2], "id": 9}]},
        lambda event: {**event, "rows": [*event["rows"][:2], {**event["rows"][2], "image_id": 9}]},
        lambda event: {**event, "verdicts": None},
        lambda event: {**event, "verdicts": event["verdicts"][:1]},
        lambda event: {**event, "verdicts": event["verdicts"] * 2},
        lambda event: {**event, "verdicts": ["completed", "errored"]},
    ],
)
def test_an_incomplete_event_is_not_a_success(spoil):
    """Missing, doubled or changed parts are refused, because a guess may be wrong."""
    with pytest.raises(ValueError, match=r"not the (event|row)|not those of the actions"):
        read_event(spoil(event()))
