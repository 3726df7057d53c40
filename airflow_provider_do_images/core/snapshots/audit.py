"""Whether each droplet has a copy in each region that is new enough. Pure, but for the reading.

Two ages count: that of the data (when the backup was made) and that of the copy (when it arrived in
the region), since a daily backup may be a day old when it is converted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import ActionStatus, Droplet, Image, ImageAction
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.core import messages
from airflow_provider_do_images.core.action_filter import is_type
from airflow_provider_do_images.core.messages import describe_last_good_copy, duration_text
from airflow_provider_do_images.core.snapshots.inventory import (
    DropletSelector,
    PolicySnapshot,
    snapshots_by_droplet,
    unknown_policy,
)

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

WORST = 10
"""How many failing copies a message names."""


@dataclass(frozen=True, slots=True)
class AuditLimits:
    """How old a copy may be, in seconds.

    :param max_data_age: since its backup was made.
    :param max_copy_age: since it arrived in the region.
    """

    max_data_age: float
    max_copy_age: float


@dataclass(frozen=True, slots=True)
class CopyLocation:
    """A droplet, a region, and the newest snapshot of the policy there, if there is one."""

    droplet: Droplet
    region: str
    kept: PolicySnapshot | None
    elsewhere: PolicySnapshot | None = None
    """The droplet's newest one in any region."""

    def __str__(self) -> str:
        return f"{messages.droplet_text(self.droplet.name, self.droplet.id)} in {self.region}"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """What the audit says of one place. Ages are in seconds.

    :param copied_at: when the snapshot arrived in the region; ``None`` if its history does not
        tell.
    :param problem: what is wrong, in words.
    """

    place: CopyLocation
    data_age: float | None = None
    copied_at: datetime | None = None
    copy_age: float | None = None
    problem: str | None = None
    last: str | None = None
    """The last good copy and its age, in words; ``None`` if none is known anywhere."""

    def __str__(self) -> str:
        arrived = f" Copied at {format_time(self.copied_at)}." if self.copied_at else ""
        return f"{self.place}: {self.problem} ({self.last or 'No good copy is known.'}{arrived})"

    def to_row(self) -> dict[str, Any]:
        """Return primitives for a log and an XCom; all keys are there in every case."""
        kept = self.place.kept
        return {
            "image_id": kept.image.id if kept else None,
            "droplet_id": self.place.droplet.id,
            "droplet_name": self.place.droplet.name,
            "region": self.place.region,
            "taken_at": format_time(kept.name.taken_at) if kept else None,
            "data_age_seconds": self.data_age,
            "copied_at": format_time(self.copied_at),
            "copy_age_seconds": self.copy_age,
            "ok": self.problem is None,
            "problem": self.problem,
            "last_good_copy": self.last,
        }


def newest_by_place(
    images: Iterable[Image],
    policy: str,
    droplets: Iterable[Droplet],
    regions: Sequence[str],
    now: datetime,
) -> list[CopyLocation]:
    """Return a place for each droplet and region. Snapshots of other droplets do not matter."""
    groups = snapshots_by_droplet(images, policy)
    places = []
    for droplet in droplets:
        sound = [one for one in groups.get(droplet.id, ()) if one.flaw(now) is None]
        for region in regions:
            there = (one for one in sound if region in one.image.regions)
            places.append(CopyLocation(droplet, region, next(there, None), next(iter(sound), None)))
    return places


def evaluate_location(
    place: CopyLocation, actions: Iterable[ImageAction], limits: AuditLimits, now: datetime
) -> AuditFinding:
    """Return what is to be said of a place.

    :param actions: the history of its snapshot.
    """
    if place.kept is None:
        why = "no snapshot of the policy is there"
        return AuditFinding(place, problem=why, last=_last_copy(place.elsewhere, now))
    data_age = _age(place.kept.name.taken_at, now)
    history = tuple(actions)
    copied_at = _arrival(place, history)
    copy_age = None if copied_at is None else _age(copied_at, now)
    arrived = copied_at or _earliest_arrival(history)
    # A copy is never older than its data.
    oldest_possible = data_age if arrived is None else _age(arrived, now)
    problems = []
    if data_age > limits.max_data_age:
        problems.append(
            f"its data are {duration_text(data_age)} old, more than "
            f"{duration_text(limits.max_data_age)}"
        )
    if oldest_possible > limits.max_copy_age:
        age = "of unknown age" if copy_age is None else f"{duration_text(copy_age)} old"
        problems.append(f"the copy is {age}, more than {duration_text(limits.max_copy_age)}")
    problem = " and ".join(problems) or None
    last = _last_copy(place.kept, now)
    return AuditFinding(place, data_age, copied_at, copy_age, problem, last)


def audit_copies(
    client: ApiClient,
    policy: str,
    selection: DropletSelector,
    regions: Sequence[str],
    limits: AuditLimits,
    *,
    now: datetime,
) -> list[AuditFinding]:
    """Read what is there, and return a finding for each droplet and region. Sends only GETs.

    One request for each page of droplets and images, and one for each snapshot that is the newest
    somewhere. Snapshots of droplets that are gone are not looked at.

    :raises DigitalOceanError: if something cannot be read, or there are no such droplets.
    """
    droplets = selection.read(client)
    images = client.all_private_images()
    if warning := unknown_policy(images, policy):
        log.warning("%s", warning)
    places = newest_by_place(images, policy, droplets, regions, now)
    newest = dict.fromkeys(place.kept.image.id for place in places if place.kept)
    histories = {image_id: list(client.list_image_actions(image_id)) for image_id in newest}
    return [
        evaluate_location(place, histories[place.kept.image.id] if place.kept else (), limits, now)
        for place in places
    ]


def describe_findings(findings: Sequence[AuditFinding], policy: str) -> str | None:
    """Count the copies that are missing or stale and name the worst; ``None`` if there are none."""
    bad = violations(findings)
    if not bad:
        return None
    more = f" and {len(bad) - WORST} more" if len(bad) > WORST else ""
    named = ", ".join(str(finding.place) for finding in bad[:WORST])
    return (
        f"{len(bad)} of {len(findings)} copies of policy {policy!r} are missing or stale: "
        f"{named}{more}."
    )


def violations(findings: Iterable[AuditFinding]) -> list[AuditFinding]:
    """Return the findings with a problem, the oldest data first."""
    bad = [finding for finding in findings if finding.problem]
    return sorted(
        bad, key=lambda one: float("inf") if one.data_age is None else one.data_age, reverse=True
    )


def _last_copy(kept: PolicySnapshot | None, now: datetime) -> str | None:
    if kept is None:
        return None
    what = f"image {kept.image.id} in {', '.join(kept.image.regions)}, of"
    return describe_last_good_copy(what, kept.name.taken_at, now.timestamp())


def _age(moment: datetime, now: datetime) -> float:
    """Return seconds, never below 0: the API's clock may be ahead of this machine's."""
    return max((now - moment).total_seconds(), 0.0)


def _arrival(place: CopyLocation, actions: Iterable[ImageAction]) -> datetime | None:
    """Return when the snapshot came there; in its droplet's region it came by the convert."""
    done = [action for action in actions if action.status is ActionStatus.COMPLETED]
    came = [a for a in done if is_type(a, "transfer") and a.region_slug == place.region]
    if not came and place.region == place.droplet.region:
        came = [a for a in done if is_type(a, "convert")]
    return max((a.completed_at for a in came if a.completed_at), default=None)


def _earliest_arrival(actions: Iterable[ImageAction]) -> datetime | None:
    """Return the earliest time at which a transfer that tells no region may have made a copy."""
    return min(
        (
            action.completed_at
            for action in actions
            if action.status is ActionStatus.COMPLETED
            and is_type(action, "transfer")
            and action.region_slug is None
            and action.completed_at
        ),
        default=None,
    )
