"""The plan of a poll cycle: its cost is bounded, and it finds every action."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api.validation import PAGE_SIZE
from airflow_provider_do_images.core.poller.read_plan import (
    AccountActionsCursor,
    ActionRef,
    ReadPlan,
    image_pages_to_read,
    plan_actions,
    should_read_all,
)


@dataclass
class Account:
    """A list of actions, newest first, and those of them that are waited for."""

    ids: list[int]
    wanted: list[ActionRef]

    def page(self, number):
        """Return the ids on a page, from 1, and whether it is the last."""
        rest = self.ids[(number - 1) * PAGE_SIZE :]
        return rest[:PAGE_SIZE], len(rest) <= PAGE_SIZE


@st.composite
def accounts(draw):
    """Make an account with busy and quiet times; the list lacks some of the pending actions."""
    ids, last = [], 1000
    for _ in range(draw(st.integers(1, 4))):
        step = draw(st.sampled_from([1, 7, 40, 100_000]))
        ids += range(last + step, last + step * (draw(st.integers(1, 900)) + 1), step)
        last = ids[-1]
    numbers = draw(st.lists(st.integers(0, len(ids) - 1), min_size=1, max_size=60, unique=True))
    known = [ids[number] for number in numbers]
    lost = draw(st.lists(st.integers(1, last + 50), max_size=3).map(set)) - set(ids)
    images = st.integers(1, draw(st.integers(1, 60)))
    return Account(ids[::-1], [ActionRef(action_id, draw(images)) for action_id in [*known, *lost]])


def images_of(wanted):
    """Return the images, each of which can be read with one request."""
    return {image_id for _, image_id in wanted}


def run_cycle(account, feed):
    """Read all pending actions by plans; return the number of requests."""
    unseen, requests = set(account.wanted), 0
    feed.begin(len(images_of(unseen)))
    while unseen:
        if plan_actions(unseen, feed).pages == 0:
            return requests + len(images_of(unseen))
        ids, last = account.page(feed.pages + 1)
        requests += 1
        feed.add_page(ids, last=last)
        unseen = {one for one in unseen if one.action_id not in ids}
    return requests


def test_no_waits_cost_nothing():
    """Without waits there is no request."""
    assert plan_actions([], AccountActionsCursor()) == ReadPlan(0, 0)


def test_without_the_list_each_image_is_read_once():
    """Ten actions of one image are one request."""
    assert plan_actions([ActionRef(n, 7) for n in range(10)], None) == ReadPlan(0, 1)


def test_a_new_list_is_tried_where_several_images_may_stand_on_its_first_page():
    """One image costs no more than a page; from two on the page is worth a try."""
    feed = AccountActionsCursor()
    feed.begin(2)

    assert plan_actions([ActionRef(1, 7)], feed).pages == 0
    assert plan_actions([ActionRef(1, 7), ActionRef(2, 8)], feed) == ReadPlan(1, 1)


def test_old_actions_are_read_by_image_and_new_ones_by_page():
    """One action on page 99 does not cause 99 pages to be read."""
    feed = AccountActionsCursor(newest_id=20_000, ids_per_page=200)
    wanted = [ActionRef(19_900 - n, n) for n in range(50)] + [ActionRef(201, 99)]
    feed.begin(51)

    assert plan_actions(wanted, feed) == ReadPlan(1, 2)


@given(accounts(), st.integers(0, 3))
def test_a_plan_never_costs_more_than_reading_every_image(account, pages):
    """Whatever is known of the list already."""
    feed = AccountActionsCursor()
    feed.begin(len(images_of(account.wanted)))
    for number in range(1, pages + 1):
        ids, last = account.page(number)
        feed.add_page(ids, last=last)

    assert plan_actions(account.wanted, feed).requests <= len(images_of(account.wanted))


@given(accounts())
def test_plans_find_everything_at_no_more_than_twice_the_cost(account):
    """They find actions that the list lacks, however wrong the estimates are."""
    feed = AccountActionsCursor()

    for _ in range(3):
        assert run_cycle(account, feed) <= 2 * len(images_of(account.wanted))


def test_an_even_list_is_known_after_one_cycle():
    """If actions are evenly spread, the next cycle reads exactly the needed pages."""
    ids = list(range(100_000, 0, -10))
    account = Account(ids, [ActionRef(ids[n * 17], n) for n in range(100)])
    feed = AccountActionsCursor()
    run_cycle(account, feed)

    assert run_cycle(account, feed) == 9  # 1,700 rows


def test_a_dense_list_is_abandoned_at_the_cost_of_the_images():
    """Every estimate is too small; then two images are read instead of more pages."""
    quiet = range(1_000_000, 980_000, -100)
    busy = range(980_000, 960_000, -1)
    account = Account([*quiet, *busy], [ActionRef(970_000, 1), ActionRef(970_001, 2)])

    assert run_cycle(account, AccountActionsCursor()) <= 4


@pytest.mark.parametrize(
    ("due", "everything", "share_left", "worth"),
    [
        (ReadPlan(1, 1), ReadPlan(1, 1), 1.0, True),  # on the same page
        (ReadPlan(0, 1), ReadPlan(0, 10), 1.0, False),  # read without need
        (ReadPlan(0, 1), ReadPlan(0, 10), 0.1, True),  # due in a moment anyway
        (ReadPlan(0, 1), ReadPlan(0, 10), 0.2, False),
    ],
)
def test_other_actions_are_polled_early_where_that_saves_requests(
    due, everything, share_left, worth
):
    """Only actions that are not due yet count as a cost."""
    assert should_read_all(due, everything, share_left) == worth


@pytest.mark.parametrize(
    ("wanted", "read", "total", "more"),
    [
        (2, 0, None, False),  # two reads cost as much as a page, which also has the total
        (3, 0, None, True),
        (3, 0, 500, False),  # three pages for three images
        (4, 0, 500, True),
        (2, 1, 500, False),
        (3, 1, 500, True),
        (9, 3, 500, False),  # there is no fourth page
        (9, 0, 0, False),
    ],
)
def test_pages_of_images_are_read_while_they_are_fewer_than_images(wanted, read, total, more):
    """The remaining pages are compared with the remaining images."""
    assert image_pages_to_read(wanted, read, total) == more
