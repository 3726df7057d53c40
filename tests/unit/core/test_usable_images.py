"""The one rule for usable images: find, prune and audit agree on each image."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_do_images.api import Droplet, Image
from airflow_provider_do_images.core.snapshots.audit import list_locations
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.snapshots.restore_points import select_restore_points
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionPolicy,
    changed_since_plan,
    plan_retention,
)

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
UNUSABLE = [
    *({"status": status} for status in ("deleted", "pending", "new", "NEW", "retired", "")),
    {"size_gigabytes": 0.0},
    {"status": "pending", "size_gigabytes": 0},
]
RETENTION = RetentionPolicy(keep_last=1, min_keep=1)


def backup(id_, hours):
    """Return a backup that is so many hours old."""
    created = NOW - timedelta(hours=hours)
    return Image(id_, f"web- {created:%Y-%m-%d}", "backup", ("ams3",), created, 2.5)


def policy_image(id_, hours, type_="snapshot"):
    """Return an image of the policy, of a backup that is so many hours old."""
    taken_at = NOW - timedelta(hours=hours)
    name = str(SnapshotName("prod", 1, taken_at))
    return Image(id_, name, type_, ("ams3",), taken_at, 2.5, status="available")


def droplet(images):
    """Return the droplet of these images."""
    ids = {kind: tuple(i.id for i in images if i.type == kind) for kind in ("backup", "snapshot")}
    return Droplet(
        1, "web", features=("backups",), backup_ids=ids["backup"], snapshot_ids=ids["snapshot"]
    )


def chosen(*images):
    """Return the id of the restore point, or the reason for none."""
    limit = timedelta(hours=36)
    choice = select_restore_points([droplet(images)], images, "prod", now=NOW, max_backup_age=limit)
    [one] = [*choice.points, *choice.missing]
    return one.image.id if choice.points else one.reason


@pytest.mark.parametrize("change", UNUSABLE, ids=str)
@pytest.mark.parametrize("newer", [backup(6, 1), policy_image(6, 1), policy_image(6, 1, "backup")])
@pytest.mark.parametrize("older", [backup(5, 6), policy_image(5, 6)])
def test_find_prefers_a_usable_image(older, newer, change):
    """However new the other one is; alone, it is named as the reason."""
    unusable = replace(newer, **change)

    assert chosen(older, unusable) == older.id
    assert f"{newer.type} 6 is not usable" in chosen(unusable)


@pytest.mark.parametrize("change", UNUSABLE, ids=str)
def test_an_unusable_converted_backup_blocks_nothing(change):
    """The older backup is selected, as if the other one did not exist."""
    by_hand = replace(backup(6, 1), type="snapshot")

    assert chosen(backup(5, 6), by_hand) != 5
    assert chosen(backup(5, 6), replace(by_hand, **change)) == 5


@pytest.mark.parametrize(
    "image", [backup(6, -48), policy_image(6, -48)], ids=lambda image: image.type
)
def test_a_backup_time_in_the_future_is_not_usable(image):
    """More than a day ahead is an error, in a name and in the list."""
    assert chosen(backup(5, 6), image) == 5


@pytest.mark.parametrize("change", UNUSABLE, ids=str)
def test_prune_neither_deletes_nor_counts_it(change):
    """An unusable newest image does not let an older, usable one be deleted."""
    images = [replace(policy_image(6, 30), **change), policy_image(5, 48), policy_image(4, 60)]

    decisions = plan_retention(images, [droplet(images)], "prod", RETENTION, now=NOW)

    assert {one.snapshot.image.id for one in decisions if one.delete} == {4}


@pytest.mark.parametrize("change", UNUSABLE, ids=str)
def test_an_image_that_became_unusable_after_the_plan_is_not_deleted(change):
    """Right before its DELETE the image is checked by the same rule."""
    images = [policy_image(5, 48), policy_image(4, 60)]
    [_, doomed] = plan_retention(images, [droplet(images)], "prod", RETENTION, now=NOW)

    assert changed_since_plan(doomed, images[1], RETENTION) is None
    assert changed_since_plan(doomed, replace(images[1], **change), RETENTION)


@pytest.mark.parametrize("change", UNUSABLE, ids=str)
def test_an_audit_does_not_count_it(change):
    """The newest usable snapshot is the one that is audited."""
    images = [replace(policy_image(6, 1), **change), policy_image(5, 6)]

    [place] = list_locations(images, "prod", [droplet(images)], ["ams3"], NOW)

    assert place.snapshot.image.id == 5
