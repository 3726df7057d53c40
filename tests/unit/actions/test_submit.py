"""What an image and its actions call for: the pure decisions of a submit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.actions.submit import (
    Next,
    Request,
    Submission,
    SubmitOutcome,
    decide,
    find_new,
)
from airflow_provider_do_images.api import ActionStatus, Image, ImageAction

TO_AMS3 = Request(7, "ams3")
CONVERT = Request(7)
SNAPSHOT = Image(7, "x", "snapshot", ("nyc3",))
BACKUP = Image(7, "x", "backup", ("nyc3",))
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
        (TO_AMS3, SNAPSHOT, [], Next.POST),
        (CONVERT, BACKUP, [], Next.POST),
        (TO_AMS3, Image(7, "x", "snapshot", ("nyc3", "ams3")), [action(1)], "already_there"),
        (CONVERT, SNAPSHOT, [], "already_there"),
        (TO_AMS3, SNAPSHOT, [action(1)], 1),
        (TO_AMS3, SNAPSHOT, [action(1, "completed")], 1),
        (TO_AMS3, SNAPSHOT, [action(1, "errored")], Next.POST),
        (TO_AMS3, SNAPSHOT, [action(2, "errored"), action(1)], 1),
        (TO_AMS3, SNAPSHOT, [action(1), action(2)], 2),
        (TO_AMS3, SNAPSHOT, [action(1, region="sgp1")], Next.POST),
        (TO_AMS3, SNAPSHOT, [action(1, region=None)], Next.LOOK_AGAIN),
        (TO_AMS3, SNAPSHOT, [action(1, "completed", region=None)], Next.POST),
        (TO_AMS3, SNAPSHOT, [action(1, type_="convert", region=None)], Next.POST),
        (CONVERT, BACKUP, [action(1, type_="convert", region="nyc3")], 1),
        (CONVERT, BACKUP, [action(1, "completed", "convert_to_snapshot", None)], 1),
        (CONVERT, BACKUP, [action(1)], Next.POST),
    ],
)
def test_a_look_decides(request_, image, actions, expected):
    """What is there is left, what runs is joined, what errored is tried anew, else one POST."""
    found = decide(request_, image, actions)

    if isinstance(found, Submission):
        found = found.action.id if found.action else found.outcome.value
    assert found == expected


@pytest.mark.parametrize(
    ("request_", "image", "types"),
    [
        (TO_AMS3, Image(7, "x", "snapshot", ("nyc3", "ams3")), ["transfer"]),
        (CONVERT, SNAPSHOT, ["convert", "convert_to_snapshot"]),
    ],
)
def test_what_is_there_comes_with_the_action_that_brought_it(request_, image, types):
    """The newest completed one of the history, so that a cleared task returns what it returned."""
    for type_ in types:
        region = request_.region
        actions = [
            action(1, "completed", type_, region),
            action(2, "completed", type_, region),
            action(3, "errored", type_, region),
            action(4, "completed", "image_destroy", region),
        ]

        found = decide(request_, image, actions)

        assert (found.outcome, found.action.id) == (SubmitOutcome.ALREADY_THERE, 2)


@given(ACTIONS, st.sampled_from([TO_AMS3, CONVERT]), st.sampled_from([SNAPSHOT, BACKUP]))
def test_nothing_is_posted_beside_what_runs(actions, request_, image):
    """Whenever a matching action is in progress, there is no POST."""
    types = {"transfer"} if request_.region else {"convert", "convert_to_snapshot"}
    running = [
        one
        for one in actions
        if one.type in types
        and one.status is ActionStatus.IN_PROGRESS
        and request_.region in (None, one.region_slug)
    ]

    if running:
        assert decide(request_, image, actions) is not Next.POST


@given(ACTIONS, st.sets(st.integers(1, 50)))
def test_only_what_was_not_there_before_is_ours(actions, seen):
    """After a lost answer, ids that were seen before the POST are never taken for its result."""
    found = find_new(TO_AMS3, actions, frozenset(seen))

    if isinstance(found, Submission):
        assert found.outcome is SubmitOutcome.FOUND_AFTER_LOST_REPLY
        assert found.action.id not in seen
        assert (found.action.type, found.action.region_slug) == ("transfer", "ams3")


def test_the_first_new_action_is_ours():
    """If somebody else began the same one just after, ours is the older."""
    found = find_new(TO_AMS3, [action(3), action(2), action(1)], frozenset({1}))

    assert found.action.id == 2


def test_a_new_action_that_does_not_tell_its_region_is_looked_at_again():
    """It may be ours."""
    assert find_new(TO_AMS3, [action(2, region=None)], frozenset({1})) is Next.LOOK_AGAIN


def test_a_result_without_an_action_has_all_keys():
    """Null where nothing is known, so that it can be handed on like any other."""
    result = Submission(SubmitOutcome.ALREADY_THERE, TO_AMS3).to_result().to_json()

    running = Submission(SubmitOutcome.POSTED, TO_AMS3, action(9)).to_result().to_json()
    assert set(result) == set(running) > {*ImageAction.FIELDS, "image_id"}
    known = {key: value for key, value in result.items() if value is not None}
    assert known == {
        "image_id": 7,
        "region_slug": "ams3",
        "outcome": "already_there",
        "end": "completed",
    }
