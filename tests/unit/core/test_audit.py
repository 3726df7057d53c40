"""The findings of the audit on a droplet's copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import ActionStatus, Droplet, Image, ImageAction
from airflow_provider_do_images.core.snapshots.audit import (
    AuditLimits,
    describe_findings,
    evaluate_location,
    list_locations,
    violations,
)
from airflow_provider_do_images.core.snapshots.naming import SnapshotName

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0
LIMITS = AuditLimits(max_data_age=50 * HOUR, max_copy_age=26 * HOUR)
TOO_OLD = (
    "the data is 2 d 3 h old, more than 2 d 2 h and "
    "the copy is 27 h 0 min old, more than 26 h 0 min"
)
WEB = Droplet(1, "web-01", region="nyc3")


def snapshot(number, hours, regions=("nyc3", "ams3"), policy="prod", **values):
    """Return a snapshot of droplet 1 whose backup was made so many hours ago."""
    name = SnapshotName(policy, 1, NOW - timedelta(hours=hours))
    return Image(number, str(name), values.pop("type", "snapshot"), regions=regions, **values)


def done(number, type_, region, hours, status=ActionStatus.COMPLETED):
    """Return an action that ended so many hours ago."""
    ended = NOW - timedelta(hours=hours)
    return ImageAction(number, status, type_, completed_at=ended, region_slug=region)


def audit_one(images, region="ams3", actions=()):
    """Return the finding on droplet 1 in a region."""
    [place] = list_locations(images, "prod", [WEB], [region], NOW)
    return evaluate_location(place, actions, LIMITS, NOW)


def test_a_recent_copy_passes():
    """A row has both ages, and the arrival is that of the newest transfer."""
    actions = [
        done(9, "transfer", "sgp1", 1),
        done(8, "transfer", "ams3", 2, ActionStatus.ERRORED),
        done(7, "transfer", "ams3", 3),
        done(6, "transfer", "ams3", 9),
        done(5, "convert_to_snapshot", None, 10),
    ]

    assert audit_one([snapshot(4, 30)], actions=actions).to_row() == {
        "image_id": 4,
        "droplet_id": 1,
        "droplet_name": "web-01",
        "region": "ams3",
        "taken_at": "2026-11-22T06:00:00Z",
        "data_age_seconds": 30 * HOUR,
        "copied_at": "2026-11-23T09:00:00Z",
        "copy_age_seconds": 3 * HOUR,
        "ok": True,
        "problem": None,
        "last_good_copy": "Last good copy: image 4 in nyc3, ams3, of 2026-11-22T06:00:00Z, "
        "30 h 0 min old.",
    }


def test_in_the_own_region_the_convert_counts():
    """No transfer goes to the region in which the backup was made."""
    actions = [done(7, "transfer", "ams3", 3), done(5, "convert_to_snapshot", None, 10)]

    assert audit_one([snapshot(4, 30)], "nyc3", actions).copy_age == 10 * HOUR


def test_a_missing_snapshot_is_a_problem_with_all_keys():
    """Images of other policies and droplets, backups and invalid dates do not count."""
    images = [
        snapshot(1, 5, regions=("nyc3",)),
        snapshot(2, 5, policy="other"),
        snapshot(3, 5, type="backup"),
        snapshot(4, -500),
        Image(5, "prod_2_20261123T000000Z", "snapshot", regions=("ams3",)),
    ]
    finding = audit_one(images)

    row = finding.to_row()
    assert row.keys() == audit_one([snapshot(4, 30)]).to_row().keys()
    assert (row["image_id"], row["ok"]) == (None, False)
    assert str(finding).startswith(
        "droplet web-01 (1) in ams3: no policy snapshot (Last good copy: image "
    )


@pytest.mark.parametrize(
    ("taken", "copied", "problem"),
    [
        (50, 26, None),
        (51, 26, "the data is 2 d 3 h old, more than 2 d 2 h"),
        (50, 27, "the copy is 27 h 0 min old, more than 26 h 0 min"),
        (51, 27, TOO_OLD),
        (26, None, None),
        (27, None, "the copy is of unknown age, more than 26 h 0 min"),
        (-3, -2, None),
    ],
)
def test_the_two_ages_have_two_limits(taken, copied, problem):
    """An unknown age of the copy is at most that of the data; a clock ahead makes no age."""
    actions = [] if copied is None else [done(7, "transfer", "ams3", copied)]

    finding = audit_one([snapshot(4, taken)], actions=actions)

    assert finding.problem == problem
    assert finding.data_age >= 0
    assert (finding.copy_age is None) == (copied is None)


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        ([3], None),
        ([3, 26], None),
        ([3, 27], "the copy is of unknown age, more than 26 h 0 min"),
    ],
)
def test_a_transfer_without_a_region_bounds_the_age_of_the_copy(hours, problem):
    """The arrival is unknown, but not before the oldest of these transfers."""
    actions = [done(number, "transfer", None, ago) for number, ago in enumerate(hours, 1)]

    finding = audit_one([snapshot(4, 50)], actions=actions)

    assert (finding.copied_at, finding.copy_age) == (None, None)
    assert finding.problem == problem


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.sampled_from([("nyc3",), ("nyc3", "ams3"), ()])),
        max_size=10,
    ),
    st.integers(1, 5),
)
def test_a_location_has_its_newest_snapshot(history, number):
    """There is one location for each droplet and region, in order, for any history."""
    images = [snapshot(n, hours, regions) for n, (hours, regions) in enumerate(history, 1)]
    droplets = [Droplet(n, f"web-{n}") for n in range(1, number + 1)]

    places = list_locations(images, "prod", droplets, ["nyc3", "ams3"], NOW)

    assert [(one.droplet.id, one.region) for one in places] == [
        (droplet.id, region) for droplet in droplets for region in ("nyc3", "ams3")
    ]
    for place in places:
        ages = [h for h, regions in history if place.region in regions and place.droplet.id == 1]
        if place.snapshot is None:
            assert not ages
        else:
            assert place.snapshot.name.taken_at == NOW - timedelta(hours=min(ages))


def test_the_message_names_the_worst_first():
    """First the missing ones, then by age of the data with the last good copy; ten at most."""
    old = audit_one([snapshot(4, 60)], actions=[done(7, "transfer", "ams3", 59)])
    older = audit_one([snapshot(5, 90)])
    missing, well = audit_one([]), audit_one([snapshot(6, 1)])

    text = describe_findings([old, well, older, missing], "prod")

    assert text.startswith("3 of 4 copies of policy 'prod'")
    assert violations([old, well, older, missing]) == [missing, older, old]
    assert "Last good copy: image 5 in" in str(older)
    assert "2026-11-21T01:00:00Z" in str(old)
    assert " and 2 more" in describe_findings([missing] * 12, "prod")
    assert describe_findings([well], "prod") is None
