"""Which image of a droplet its policy goes on with: its newest restore point. Pure.

That is its newest backup, or a snapshot of the policy if that is of a backup at least as new.
Converting takes a backup off DigitalOcean's list, so that whoever looked at backups alone would
convert the next older one each time he is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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

_TYPES = ("snapshot", "backup")
"""What a restore point may be: a backup is converted, and a snapshot was one."""


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """An image that a droplet can be restored from.

    :param taken_at: when the backup was made, which the image may have been once.
    :param kept: whether it is named for the policy already.
    """

    droplet: Droplet
    image: Image
    taken_at: datetime
    kept: bool

    @property
    def rank(self) -> tuple[datetime, bool, int]:
        """What the newest has most of. At the same second, what is kept: it costs nothing more."""
        return (self.taken_at, self.kept, self.image.id)

    def __str__(self) -> str:
        image, of = self.image, messages.droplet_text(self.droplet.name, self.droplet.id)
        return (
            f"{of}: {image.type} {image.id} ({printable(image.name)}) of "
            f"{format_time(self.taken_at)}"
        )

    def expires_at(self, retention: timedelta) -> datetime | None:
        """Return when it is deleted if it is still a backup; a snapshot never is."""
        return self.taken_at + retention if self.image.type == "backup" else None

    def to_row(self, policy: str, retention: timedelta, on_missing: str) -> dict[str, Any]:
        """Return what a convert needs to know, in primitives."""
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
    """A droplet without a restore point that will do, and why."""

    droplet_id: int
    droplet_name: str
    reason: str

    def __str__(self) -> str:
        return f"{messages.droplet_text(self.droplet_name, self.droplet_id)}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return the three of them under their names."""
        return asdict(self)

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
    """A restore point for each droplet, or the reason why there is none."""

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

    :param images: the account's own images, all of them, read after the droplets: what is converted
        between the two readings is then seen as kept, not as gone.
    :param max_backup_age: an older restore point will not do.
    :param only_one: whether the droplets are meant to be one, so that several are a mistake.
    """
    # What changed while a list was read may be in it twice.
    wanted = list({droplet.id: droplet for droplet in droplets}.values())
    if only_one and len(wanted) > 1:
        ids = ", ".join(str(droplet.id) for droplet in wanted)
        reason = f"{len(wanted)} droplets have this name ({ids}): give droplet_id instead"
        return RestorePointSelection(
            [], [MissingRestorePoint(one.id, one.name, reason) for one in wanted]
        )
    by_id = {image.id: image for image in images}
    kept = snapshots_by_droplet(by_id.values(), policy)
    choice = RestorePointSelection([], [])
    for droplet in wanted:
        backups = [by_id[id_] for id_ in droplet.backup_ids if id_ in by_id]
        points, unusable = _split(
            [*_backups(droplet, backups), *_kept(droplet, kept.get(droplet.id, ()))], now
        )
        newest = max(points, key=lambda point: point.rank, default=None)
        unclaimed = _unclaimed(droplet, by_id, newest, now - max_backup_age)
        if newest is not None and not unclaimed and now - newest.taken_at <= max_backup_age:
            choice.points.append(newest)
        else:
            reason = unclaimed or _reason(droplet, newest, backups, now, max_backup_age)
            reason += _newer_unusable(unusable, newest)
            choice.missing.append(MissingRestorePoint(droplet.id, droplet.name, reason))
    return choice


def _backups(droplet: Droplet, backups: Iterable[Image]) -> Iterator[RestorePoint]:
    """Yield the backups that are nobody's yet."""
    for image in backups:
        free = image.type == "backup" and SnapshotName.parse(image.name) is None
        if free and image.created_at is not None:
            yield RestorePoint(droplet, image, image.created_at.replace(microsecond=0), kept=False)


def _kept(droplet: Droplet, kept: Iterable[PolicySnapshot]) -> Iterator[RestorePoint]:
    """Yield what is named for the policy: snapshots, and backups about to become one."""
    for one in kept:
        if one.image.type in _TYPES:
            yield RestorePoint(droplet, one.image, one.name.taken_at, kept=True)


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
    """Say which converted backup nobody has named yet, if it is newer than the one to convert.

    Whoever converted it may have been stopped before it could name it: the older backup is not
    taken in its place.
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
                f"named for no policy: if a convert task was stopped, clear that one; if it was "
                f"converted by hand, give it another name"
            )
    return None


def _reason(
    droplet: Droplet,
    newest: RestorePoint | None,
    backups: Sequence[Image],
    now: datetime,
    max_backup_age: timedelta,
) -> str:
    off = "" if "backups" in droplet.features else "its backups are switched off"
    if newest is not None:
        age = now - newest.taken_at
        reason = (
            f"its newest restore point, image {newest.image.id}, is of "
            f"{format_time(newest.taken_at)}: {messages.duration_text(age.total_seconds())} "
            "old, and "
            f"max_backup_age is {messages.duration_text(max_backup_age.total_seconds())}"
        )
        return f"{reason}; {off}" if off else reason
    if names := [image.name for image in backups if SnapshotName.parse(image.name)]:
        return f"its only backups are already named for another policy: {', '.join(names)}"
    return off or ("it has no usable backup" if backups else "it has no backup yet")
