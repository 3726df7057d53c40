"""Choosing rows of an image's history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import ActionStatus, ImageAction, InvalidInputError
from airflow_provider_do_images.core.action_filter import ActionFilter

START = datetime(2026, 2, 1, tzinfo=UTC)
ROWS = st.lists(
    st.builds(
        ImageAction,
        id=st.integers(1, 1000),
        status=st.sampled_from(ActionStatus),
        type=st.sampled_from(["transfer", "convert", "convert_to_snapshot"]),
        started_at=st.none() | st.integers(0, 100).map(lambda h: START + timedelta(hours=h)),
        region_slug=st.sampled_from([None, "ams3", "sgp1"]),
    ),
    unique_by=lambda action: action.id,
)


@given(ROWS)
def test_without_a_filter_all_rows_come_newest_first(rows):
    """Whatever the order in which they were read."""
    found = ActionFilter().apply(rows)

    assert {row.id for row in found} == {row.id for row in rows}
    times = [row.started_at for row in found if row.started_at]
    assert times == sorted(times, reverse=True)


@given(ROWS, st.sampled_from(["in-progress", "completed", "errored"]), st.integers(1, 5))
def test_each_condition_holds_for_each_row(rows, status, limit):
    """Status, type, region, time and number apply together."""
    since = START + timedelta(hours=20)
    wanted = ActionFilter.checked(status, "convert", "ams3", since.isoformat(), str(limit))

    found = wanted.apply(rows)

    assert len(found) <= limit
    for row in found:
        assert (row.status, row.region_slug) == (status, "ams3")
        assert row.type in {"convert", "convert_to_snapshot"}
        assert row.started_at >= since


def test_empty_text_is_no_condition():
    """A template that renders to nothing lets everything through."""
    assert ActionFilter.checked("", "", "", "", "") == ActionFilter()


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (("done", None, None, None, None), "status"),
        ((None, None, "Amsterdam", None, None), "region"),
        ((None, None, None, "yesterday", None), "since"),
        ((None, None, None, 5, None), "since"),
        ((None, None, None, None, "many"), "limit"),
        ((None, None, None, None, 0), "limit"),
    ],
)
def test_an_invalid_condition_names_the_parameter(values, name):
    """No request is sent."""
    with pytest.raises(InvalidInputError, match=f"^{name} must be"):
        ActionFilter.checked(*values)
