"""Select the newest restore point of each droplet. Pure.

A restore point is the newest backup, or a policy snapshot whose backup is at least as new. A
convert removes a backup from the droplet's list. A selection among backups alone would convert the
next older backup in every run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_do_images.api import Droplet, Image
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.text import printable
from airflow_provider_do_images.core import messages
from airflow_provider_do_images.core.snapshots.inventory import (
    PolicySnapshot,
    incomplete_reason,
    snapshots_by_droplet,
    unusable_reason,
)
from airflow_provider_do_images.core.snapshots.naming import SnapshotName

_MADE_AS_BACKUP = re.compile(r".+- [0-9]{4}-[0-9]{2}-[0-9]{2}")
"""How DigitalOcean names backups, such as ``web-01- 2020-07-29`` (its API reference)."""

UNCLAIMED_SNAPSHOT = "unclaimed_snapshot"
"""The code for a newer backup that was converted but not renamed."""

_TYPES = ("snapshot", "backup")
"""The image types of restore points."""


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """An image that a droplet can be restored from.

    :param taken_at: the time of the backup that the image is, or was converted from.
    :param is_policy_snapshot: whether the image has a name of the policy.
    """

    droplet: Droplet
    image: Image
    taken_at: datetime
    is_policy_snapshot: bool

    @property
    def rank(self) -> tuple[datetime, bool, int]:
        """The sort key, highest for the newest.

        At the same second, a policy snapshot precedes a backup, because it adds no cost.
        """
        return (self.taken_at, self.is_policy_snapshot, self.image.id)

    def __str__(self) -> str:
        image, of = self.image, messages.droplet_text(self.droplet.name, self.droplet.id)
        return (
            f"{of}: {image.type} {image.id} ({printable(image.name)}) of "
            f"{format_time(self.taken_at)}"
        )

    def expires_at(self, retention: timedelta) -> datetime | None:
        """Return when DigitalOcean deletes it, or ``None`` for a snapshot."""
        return self.taken_at + retention if self.image.type == "backup" else None

    def to_row(self, policy: str, retention: timedelta, on_missing: str) -> dict[str, Any]:
        """Return the input of a convert, as JSON values."""
        image = self.image
        return {
            "image_id": image.id,
            "droplet_id": self.droplet.id,
            "droplet_name": self.droplet.name,
            "type": image.type,
            "name": image.name,
            "created_at": format_time(image.created_at),
            "regions": list(image.regions),
            "size_gigabytes": image.size_gigabytes,
            "expires_at": format_time(self.expires_at(retention)),
            "policy": policy,
            "taken_at": format_time(self.taken_at),
            "skip_reason": None,
            "on_missing": on_missing,
        }


@dataclass(frozen=True, slots=True)
class MissingRestorePoint:
    """A droplet without a usable restore point.

    :param reason: why, in words.
    :param reason_code: short name of the reason, if clearing a task can resolve it.
    """

    droplet_id: int
    droplet_name: str
    reason: str
    reason_code: str | None = None

    def __str__(self) -> str:
        return f"{messages.droplet_text(self.droplet_name, self.droplet_id)}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return the droplet and the reason, as JSON values."""
        return {
            "droplet_id": self.droplet_id,
            "droplet_name": self.droplet_name,
            "reason": self.reason,
        }

    def to_row(self, policy: str, on_missing: str) -> dict[str, Any]:
        """Return a row with the same keys as that of a restore point."""
        keys = ("type", "name", "created_at", "regions", "size_gigabytes", "expires_at")
        return {
            "image_id": None,
            "droplet_id": self.droplet_id,
            "droplet_name": self.droplet_name,
            **dict.fromkeys(keys),
            "policy": policy,
            "taken_at": None,
            "skip_reason": self.reason,
            "on_missing": on_missing,
        }


@dataclass(frozen=True, slots=True)
class RestorePointSelection:
    """The restore points, and the droplets without one."""

    points: list[RestorePoint]
    missing: list[MissingRestorePoint]


def select_restore_points(
    droplets: Iterable[Droplet],
    images: Iterable[Image],
    policy: str,
    *,
    now: datetime,
    max_backup_age: timedelta,
    only_one: bool = False,
) -> RestorePointSelection:
    """Return the newest restore point of each droplet.

    :param images: all private images of the account, read after the droplets. A backup that is
        converted between the two reads is then among the policy snapshots.
    :param max_backup_age: an older restore point is too old.
    :param only_one: whether several droplets are an error.
    """
    # A droplet that changes during the read may be listed twice.
    selected = list({droplet.id: droplet for droplet in droplets}.values())
    if only_one and len(selected) > 1:
        ids = ", ".join(str(droplet.id) for droplet in selected)
        reason = f"{len(selected)} droplets have this name ({ids}): set droplet_id instead"
        return RestorePointSelection(
            [], [MissingRestorePoint(one.id, one.name, reason) for one in selected]
        )
    by_id = {image.id: image for image in images}
    snapshots = snapshots_by_droplet(by_id.values(), policy)
    selection = RestorePointSelection([], [])
    for droplet in selected:
        backups = [by_id[id_] for id_ in droplet.backup_ids if id_ in by_id]
        points, unusable = _split(
            [*_backups(droplet, backups), *_snapshots(droplet, snapshots.get(droplet.id, ()))], now
        )
        newest = max(points, key=lambda point: point.rank, default=None)
        unclaimed = _unclaimed(droplet, by_id, newest, now - max_backup_age)
        if newest is not None and not unclaimed and now - newest.taken_at <= max_backup_age:
            selection.points.append(newest)
        else:
            reason = unclaimed or _reason(droplet, newest, backups, now, max_backup_age)
            reason += _newer_unusable(unusable, newest)
            code = UNCLAIMED_SNAPSHOT if unclaimed else None
            selection.missing.append(MissingRestorePoint(droplet.id, droplet.name, reason, code))
    return selection


def _backups(droplet: Droplet, backups: Iterable[Image]) -> Iterator[RestorePoint]:
    """Yield the backups without the name of a policy."""
    for image in backups:
        is_unnamed = image.type == "backup" and SnapshotName.parse(image.name) is None
        if is_unnamed and image.created_at is not None:
            taken_at = image.created_at.replace(microsecond=0)
            yield RestorePoint(droplet, image, taken_at, is_policy_snapshot=False)


def _snapshots(droplet: Droplet, snapshots: Iterable[PolicySnapshot]) -> Iterator[RestorePoint]:
    """Yield the images with a name of the policy: snapshots, and backups before their convert."""
    for one in snapshots:
        if one.image.type in _TYPES:
            yield RestorePoint(droplet, one.image, one.name.taken_at, is_policy_snapshot=True)


def _split(
    points: Iterable[RestorePoint], now: datetime
) -> tuple[list[RestorePoint], list[tuple[RestorePoint, str]]]:
    """Return the usable restore points, and the others with the reason."""
    usable, unusable = [], []
    for point in points:
        if reason := unusable_reason(point.image, point.taken_at, now, _TYPES):
            unusable.append((point, reason))
        else:
            usable.append(point)
    return usable, unusable


def _newer_unusable(
    unusable: Iterable[tuple[RestorePoint, str]], newest: RestorePoint | None
) -> str:
    """Describe the newest image that is not usable, if it is newer than the newest usable one."""
    point, reason = max(unusable, key=lambda one: one[0].rank, default=(None, ""))
    if point is None or (newest is not None and point.rank <= newest.rank):
        return ""
    return f"; {point.image.type} {point.image.id} is not usable: {reason}"


def _unclaimed(
    droplet: Droplet, by_id: Mapping[int, Image], newest: RestorePoint | None, oldest: datetime
) -> str | None:
    """Describe a converted backup without a policy name, if it is newer than the one to convert.

    A run may have been interrupted between the convert and the rename. An older backup must not
    replace its snapshot.
    """
    if newest is not None:
        if newest.image.type != "backup":
            return None
        oldest = max(oldest, newest.taken_at + timedelta(seconds=1))
    for image in (by_id[id_] for id_ in droplet.snapshot_ids if id_ in by_id):
        usable = image.type == "snapshot" and incomplete_reason(image) is None
        converted = usable and _MADE_AS_BACKUP.fullmatch(image.name)
        if converted and image.created_at is not None and image.created_at >= oldest:
            return (
                f"its newer backup, image {image.id} ({printable(image.name)}), is converted but "
                f"has no policy name: repeat the interrupted convert or, if the backup was "
                f"converted by hand, rename the image"
            )
    return None


def _reason(
    droplet: Droplet,
    newest: RestorePoint | None,
    backups: Sequence[Image],
    now: datetime,
    max_backup_age: timedelta,
) -> str:
    disabled = "" if "backups" in droplet.features else "its backups are disabled"
    if newest is not None:
        age = now - newest.taken_at
        reason = (
            f"its newest restore point, image {newest.image.id} of "
            f"{format_time(newest.taken_at)}, is {messages.duration_text(age.total_seconds())} "
            f"old; max_backup_age is {messages.duration_text(max_backup_age.total_seconds())}"
        )
        return f"{reason}; {disabled}" if disabled else reason
    if names := [image.name for image in backups if SnapshotName.parse(image.name)]:
        return f"its only backups have names of another policy: {', '.join(names)}"
    return disabled or ("it has no usable backup" if backups else "it has no backup yet")
