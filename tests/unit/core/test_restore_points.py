"""Which image is the restore point of a droplet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import Droplet, Image, InvalidInputError
from airflow_provider_do_images.core.snapshots.claim import SnapshotClaim
from airflow_provider_do_images.core.snapshots.list_restore_points import RestorePointSettings
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.snapshots.restore_points import select_restore_points

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
LIMIT = timedelta(hours=36)
DAY = timedelta(days=1)


def hours_ago(hours):
    """Return a time before ``NOW``."""
    return NOW - timedelta(hours=hours)


def backup(image_id, hours, name="web-01- 2026-11-23"):
    """Return a backup that is so many hours old."""
    return Image(image_id, name, "backup", ("nyc3",), hours_ago(hours), 2.5)


def policy_image(image_id, hours, *, policy="prod", droplet_id=1, type_="snapshot"):
    """Return an image named for a policy, of a backup that is so many hours old."""
    name = str(SnapshotName(policy, droplet_id, hours_ago(hours)))
    return Image(image_id, name, type_, ("nyc3",), hours_ago(0), 2.5)


def droplet(*images, droplet_id=1, features=("backups",)):
    """Return a droplet whose backups are these images."""
    ids = tuple(image.id for image in images if image.type == "backup")
    others = tuple(image.id for image in images if image.type == "snapshot")
    return Droplet(
        droplet_id, f"web-{droplet_id}", features=features, backup_ids=ids, snapshot_ids=others
    )


def chosen(images, *, features=("backups",), **arguments):
    """Select for one droplet; return the id of the image, or the reason for none."""
    given_ = {"now": NOW, "max_backup_age": LIMIT, **arguments}
    choice = select_restore_points([droplet(*images, features=features)], images, "prod", **given_)
    [one] = [*choice.points, *choice.missing]
    return one.image.id if choice.points else one.reason


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([backup(5, 30), backup(6, 6)], 6),
        ([backup(6, 6), backup(5, 30)], 6),
        ([backup(5, 30), policy_image(6, 6)], 6),
        ([backup(5, 6), policy_image(6, 30)], 5),
        ([backup(6, 6), policy_image(5, 6)], 5),
        ([backup(5, 30), policy_image(6, 6, type_="backup")], 6),
        ([backup(5, 30), policy_image(6, 6, policy="other")], 5),
        ([backup(5, 30), policy_image(6, 6, policy="other", type_="backup")], 5),
        ([backup(5, 30), policy_image(6, 6, droplet_id=2)], 5),
        ([backup(5, 30), policy_image(6, -48)], 5),
        ([backup(5, 30), policy_image(6, 6, type_="custom")], 5),
        ([backup(5, 30), Image(6, "by hand", "snapshot", ("nyc3",), hours_ago(1))], 5),
        ([backup(5, 36)], 5),
    ],
    ids=range(13),
)
def test_the_newest_restore_point_is_selected(images, expected):
    """A backup or a policy snapshot, by the time of the backup; never another policy's."""
    assert chosen(images) == expected


def test_within_the_same_second_the_policy_snapshot_is_selected():
    """A name has whole seconds, so its own backup is not newer by a fraction."""
    moment = hours_ago(6).replace(microsecond=700_000)
    twin = replace(backup(6, 6), created_at=moment)

    assert chosen([twin, policy_image(5, 6)]) == 5


@pytest.mark.parametrize(
    ("images", "features", "reason"),
    [
        ([], ("backups",), "it has no backup yet"),
        ([], (), "its backups are disabled"),
        (
            [backup(5, 37)],
            ("backups",),
            (
                "its newest restore point, image 5 of 2026-11-22T17:00:00Z, is 37 h 0 min "
                "old; max_backup_age is 36 h 0 min"
            ),
        ),
        (
            [policy_image(5, 48)],
            (),
            (
                "its newest restore point, image 5 of 2026-11-22T06:00:00Z, is 2 d 0 h old; "
                "max_backup_age is 36 h 0 min; its backups are disabled"
            ),
        ),
        (
            [policy_image(5, 6, policy="other", type_="backup")],
            ("backups",),
            "its only backups have names of another policy: other_1_20261124T000000Z",
        ),
    ],
)
def test_a_droplet_without_a_restore_point_is_named_with_the_reason(images, features, reason):
    """No backup, backups disabled, too old, and used by another policy are distinguished."""
    assert chosen(images, features=features) == reason


def test_droplets_that_share_a_name_are_all_missing():
    """Each is named, with the ids of all; none is selected."""
    both = [droplet(backup(5, 6)), droplet(backup(6, 6), droplet_id=2)]

    choice = select_restore_points(
        both, [backup(5, 6), backup(6, 6)], "prod", now=NOW, max_backup_age=LIMIT, only_one=True
    )

    assert choice.points == []
    assert [one.droplet_id for one in choice.missing] == [1, 2]
    assert {one.reason for one in choice.missing} == {
        "2 droplets have this name (1, 2): set droplet_id instead"
    }


def test_a_droplet_that_was_listed_twice_has_one_row():
    """A list may repeat a row if it changes while it is read."""
    images = [backup(5, 6)]
    twice = [droplet(*images), replace(droplet(*images), tags=("new",))]

    assert (
        len(select_restore_points(twice, images, "prod", now=NOW, max_backup_age=LIMIT).points) == 1
    )


def converted(image_id, hours):
    """Return a backup that was converted and has its own name still."""
    return replace(backup(image_id, hours), type="snapshot")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([backup(5, 30), converted(6, 6)], None),
        ([converted(6, 6)], None),
        ([policy_image(5, 30, type_="backup"), converted(6, 6)], None),
        ([backup(5, 6), converted(6, 30)], 5),
        ([policy_image(5, 30), converted(6, 6)], 5),
        ([backup(5, 6), converted(6, 6)], 5),
    ],
    ids=range(6),
)
def test_no_older_backup_replaces_a_converted_one_without_a_name(images, expected):
    """A convert may have stopped before the rename; existing snapshots are still returned."""
    found = chosen(images)

    if expected is None:
        assert found.startswith("its newer backup, image 6 (web-01- 2026-11-23), is converted but")
    else:
        assert found == expected


def test_an_old_converted_backup_is_not_the_reason():
    """It is too old to be selected, so it does not explain the missing backup."""
    assert chosen([converted(6, 40)]) == "it has no backup yet"


histories = st.lists(
    st.builds(
        lambda hours, kind: (hours, kind),
        st.integers(-2, 80),
        st.sampled_from(
            ["backup", "kept", "kept backup", "foreign", "foreign backup", "by hand", "custom"]
        ),
    ),
    max_size=12,
)


def images_of(history):
    """Return the images of a drawn history, numbered from 1."""
    made = {
        "backup": backup,
        "kept": policy_image,
        "kept backup": lambda n, h: policy_image(n, h, type_="backup"),
        "foreign": lambda n, h: policy_image(n, h, policy="other"),
        "foreign backup": lambda n, h: policy_image(n, h, policy="other", type_="backup"),
        "by hand": lambda n, h: Image(n, "by hand", "snapshot", ("nyc3",), hours_ago(h)),
        "custom": lambda n, h: Image(n, "iso", "custom", ("nyc3",), hours_ago(h)),
    }
    return [made[kind](n, hours) for n, (hours, kind) in enumerate(history, 1)]


@given(histories)
def test_nothing_eligible_is_newer_and_nothing_foreign_is_chosen(history):
    """Whatever the history: the newest of the policy's own and of the free backups, or none."""
    eligible = {
        number: hours
        for number, (hours, kind) in enumerate(history, 1)
        if kind in ("backup", "kept", "kept backup")
    }

    found = chosen(images_of(history))

    fresh = [hours for hours in eligible.values() if hours <= 36]
    assert eligible.get(found) == min(fresh, default=None)


@given(histories)
def test_a_converted_and_named_image_is_selected_again(history):
    """Listing again after the convert returns the same image, whatever its name was."""
    images = images_of(history)
    settings = RestorePointSettings.checked("prod", LIMIT, 7, DAY, "ignore")
    first = select_restore_points([droplet(*images)], images, "prod", now=NOW, max_backup_age=LIMIT)
    for row in settings.rows(first):
        claim = SnapshotClaim.from_row(row)
        after = [
            replace(image, type="snapshot", name=str(claim.name))
            if image.id == claim.image_id
            else image
            for image in images
        ]

        again = select_restore_points(
            [droplet(*after)], after, "prod", now=NOW, max_backup_age=LIMIT
        )

        [found] = settings.rows(again)
        assert found["image_id"] == row["image_id"]
        assert SnapshotClaim.from_row(found).name == claim.name


@pytest.mark.parametrize(
    "arguments",
    [
        {"policy": "a_b"},
        {"policy": 12026},
        {"max_backup_age": "soon"},
        {"max_backup_age": timedelta.max},
        {"backup_retention_days": 0},
        {"backup_retention_days": 1e12},
        {"expiry_warning_window": -1},
        {"on_missing": "leave"},
        {"on_missing": 5},
    ],
    ids=str,
)
def test_invalid_settings_are_refused(arguments):
    """No request is sent."""
    usual = {
        "policy": "prod",
        "max_backup_age": 60,
        "backup_retention_days": "7",
        "expiry_warning_window": DAY,
        "on_missing": "fail",
    }
    with pytest.raises(InvalidInputError):
        RestorePointSettings.checked(**{**usual, **arguments})
