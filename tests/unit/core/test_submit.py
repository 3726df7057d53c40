"""The pure decisions of a submit, from an image and its actions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import ActionStatus, Image, ImageAction
from airflow_provider_do_images.core.results import ActionResult, Submission
from airflow_provider_do_images.core.submit.decide import (
    UNVERIFIED_TRANSFER_TTL,
    ActionRequest,
    Blocked,
    Decision,
    decide,
    find_created_action,
    find_unverified_transfer,
)
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers

TO_AMS3 = ActionRequest(7, "ams3")
CONVERT = ActionRequest(7)
SNAPSHOT = Image(7, "x", "snapshot", ("nyc3",))
BACKUP = Image(7, "x", "backup", ("nyc3",))
IN_AMS3 = Image(7, "x", "snapshot", ("nyc3", "ams3"))
ACTIONS = st.lists(
    st.builds(
        ImageAction,
        id=st.integers(1, 50),
        status=st.sampled_from(ActionStatus),
        type=st.sampled_from(["transfer", "convert", "convert_to_snapshot", "image_destroy"]),
        region_slug=st.sampled_from([None, "ams3", "sgp1"]),
    ),
    unique_by=lambda action: action.id,
    max_size=6,
)


def action(number, status="in-progress", type_="transfer", region="ams3"):
    """Return an action of image 7."""
    return ImageAction(number, ActionStatus(status), type_, region_slug=region, image_id=7)


@pytest.mark.parametrize(
    ("request_", "image", "actions", "expected"),
    [
        (TO_AMS3, SNAPSHOT, [], Decision.SUBMIT),
        (CONVERT, BACKUP, [], Decision.SUBMIT),
        (TO_AMS3, IN_AMS3, [action(1)], "already_exists"),
        (CONVERT, SNAPSHOT, [], "already_exists"),
        (TO_AMS3, SNAPSHOT, [action(1)], 1),
        (TO_AMS3, SNAPSHOT, [action(1, "completed")], 1),
        (TO_AMS3, SNAPSHOT, [action(1, "errored")], Decision.SUBMIT),
        (TO_AMS3, SNAPSHOT, [action(2, "errored"), action(1)], 1),
        (TO_AMS3, SNAPSHOT, [action(1), action(2)], 2),
        (TO_AMS3, SNAPSHOT, [action(1, region="sgp1")], Decision.SUBMIT),
        (TO_AMS3, SNAPSHOT, [action(1, region=None)], "blocked by 1"),
        (TO_AMS3, SNAPSHOT, [action(2, region=None), action(1, region=None)], "blocked by 2, 1"),
        (TO_AMS3, SNAPSHOT, [action(2, region=None), action(1)], 1),
        (TO_AMS3, IN_AMS3, [action(1, region=None)], "already_exists"),
        (TO_AMS3, SNAPSHOT, [action(1, "errored", region=None)], Decision.SUBMIT),
        (TO_AMS3, SNAPSHOT, [action(1, "completed", region=None)], Decision.SUBMIT),
        (TO_AMS3, SNAPSHOT, [action(1, type_="convert", region=None)], Decision.SUBMIT),
        (CONVERT, BACKUP, [action(1, type_="convert", region="nyc3")], 1),
        (CONVERT, BACKUP, [action(1, "completed", "convert_to_snapshot", None)], 1),
        (CONVERT, BACKUP, [action(1)], Decision.SUBMIT),
    ],
)
def test_the_image_state_decides(request_, image, actions, expected):
    """An existing copy is left, a running action is attached, any other state submits."""
    found = decide(request_, image, actions)

    if isinstance(found, Blocked):
        found = f"blocked by {', '.join(str(one.id) for one in found.actions)}"
    if isinstance(found, ActionResult):
        found = found.action.id if found.action else found.submission.value
    assert found == expected


@pytest.mark.parametrize(
    ("request_", "image", "types"),
    [
        (TO_AMS3, IN_AMS3, ["transfer"]),
        (CONVERT, SNAPSHOT, ["convert", "convert_to_snapshot"]),
    ],
)
def test_an_existing_copy_has_its_action(request_, image, types):
    """The newest completed one of the history, so that a cleared task returns the same row."""
    for type_ in types:
        region = request_.region
        actions = [
            action(1, "completed", type_, region),
            action(2, "completed", type_, region),
            action(3, "errored", type_, region),
            action(4, "completed", "image_destroy", region),
        ]

        found = decide(request_, image, actions)

        assert (found.submission, found.action.id) == (Submission.ALREADY_EXISTS, 2)


@given(ACTIONS, st.sampled_from([TO_AMS3, CONVERT]), st.sampled_from([SNAPSHOT, BACKUP]))
def test_nothing_is_posted_beside_a_running_action(actions, request_, image):
    """If a matching action is in progress, there is no POST."""
    types = {"transfer"} if request_.region else {"convert", "convert_to_snapshot"}
    running = [
        one
        for one in actions
        if one.type in types
        and one.status is ActionStatus.IN_PROGRESS
        and request_.region in (None, one.region_slug)
    ]

    if running:
        assert decide(request_, image, actions) is not Decision.SUBMIT


@given(ACTIONS, st.sets(st.integers(1, 50)))
def test_only_a_new_action_is_taken(actions, seen):
    """After a lost response, ids that were listed before the POST are never its result."""
    found = find_created_action(TO_AMS3, actions, frozenset(seen))

    if isinstance(found, ActionResult):
        assert found.submission is Submission.RECONCILED
        assert found.action.id not in seen
        assert found.action.type == "transfer"
        assert found.action.region_slug in ("ams3", None)


def test_the_oldest_new_action_is_the_own_one():
    """If another client started the same action just after, the older one is taken."""
    found = find_created_action(TO_AMS3, [action(3), action(2), action(1)], frozenset({1}))

    assert found.action.id == 2


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ([], Decision.SUBMIT),
        ([action(2, region="sgp1")], Decision.SUBMIT),
        ([action(2, region=None)], 2),
        ([action(2, region=None), action(3, region="sgp1")], 2),
        ([action(2, region=None), action(3)], 3),
        ([action(2, region=None), action(3, region=None)], Decision.DECIDE_AGAIN),
        ([action(2, "completed", region=None), action(3, region=None)], Decision.DECIDE_AGAIN),
    ],
)
def test_after_a_lost_response_a_single_new_action_is_taken(new, expected):
    """Among several new transfers without a region none can be identified."""
    found = find_created_action(TO_AMS3, [action(1, region=None), *new], frozenset({1}))

    assert (found.action.id if isinstance(found, ActionResult) else found) == expected


NOW = 1_790_000_000.0


def ended(number, seconds_ago=60.0, region=None):
    """Return a completed transfer."""
    moment = datetime.fromtimestamp(NOW - seconds_ago, UTC)
    return replace(action(number, "completed", region=region), completed_at=moment)


@pytest.mark.parametrize(
    ("regions", "actions", "expected"),
    [
        (("nyc3",), [], None),
        (("nyc3",), [ended(1)], 1),
        (("nyc3", "sgp1"), [ended(1)], None),
        (("nyc3", "sgp1"), [ended(2), ended(1)], 2),
        (("nyc3", "sgp1"), [ended(2), ended(1, region="sgp1")], 2),
        (("nyc3", "sgp1", "blr1"), [ended(2), ended(1, region="sgp1")], None),
        (("nyc3",), [ended(1, UNVERIFIED_TRANSFER_TTL)], None),
        (("nyc3",), [ended(2, UNVERIFIED_TRANSFER_TTL), ended(1, UNVERIFIED_TRANSFER_TTL - 1)], 1),
        (("nyc3",), [action(1, "completed", region=None)], 1),
        (("nyc3",), [action(1, region=None), action(2, "errored", region=None)], None),
        ((), [], None),
    ],
)
def test_a_completed_transfer_that_no_region_accounts_for_may_be_the_requested_one(
    regions, actions, expected
):
    """The image has the region it was made in and one for each completed transfer."""
    found = find_unverified_transfer(TO_AMS3, Image(7, "x", "snapshot", regions), actions, NOW)

    assert (found and found.id) == expected


TRANSFERS = st.lists(
    st.tuples(st.sampled_from(["ams3", "sgp1", "blr1"]), st.sampled_from(ActionStatus)),
    unique_by=lambda one: one[0],
    max_size=3,
)


@given(TRANSFERS, st.data())
def test_without_a_region_no_transfer_is_doubled_that_would_not_be_with_one(transfers, data):
    """Whatever runs, has completed, or is not shown yet: hiding the regions adds no POST."""
    told = [
        replace(
            action(number, status, region=region), completed_at=datetime.fromtimestamp(NOW, UTC)
        )
        for number, (region, status) in enumerate(transfers, 1)
    ]
    arrived = [a.region_slug for a in told if a.status is ActionStatus.COMPLETED]
    shown = data.draw(st.lists(st.sampled_from(arrived), unique=True) if arrived else st.just([]))
    image = Image(7, "x", "snapshot", ("nyc3", *shown))
    hidden = [replace(one, region_slug=None) for one in told]

    posted = decide(TO_AMS3, image, hidden) is Decision.SUBMIT
    if posted and find_unverified_transfer(TO_AMS3, image, hidden, NOW) is None:
        assert decide(TO_AMS3, image, told) is Decision.SUBMIT
    # The task's own knowledge of the regions makes up for it in full.
    own = OwnTransfers({one.id: one.region_slug for one in told})
    assert list(own.label(hidden)) == told


def test_a_result_without_an_action_has_all_keys():
    """Unknown values are null, so it can be passed on like any other row."""
    result = TO_AMS3.to_result(Submission.ALREADY_EXISTS).to_json()

    running = TO_AMS3.to_result(Submission.SUBMITTED, action(9)).to_json()
    assert set(result) == set(running) > {*ImageAction.FIELDS, "image_id"}
    known = {key: value for key, value in result.items() if value is not None}
    assert known == {
        "image_id": 7,
        "region_slug": "ams3",
        "submission": "already_exists",
        "wait_status": "completed",
    }
