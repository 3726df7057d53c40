"""Audit whether each droplet has a recent copy in each region. Pure, except for the reads.

The audit checks two ages: the age of the data (since the backup) and the age of the copy (since it
arrived in the region). A daily backup may be one day old when it is converted.
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

if TYPE_CHECKING:  # loads requests; without it this module imports fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

MAX_LISTED = 10
"""The maximum number of failing copies in a message."""


@dataclass(frozen=True, slots=True)
class AuditLimits:
    """The maximum ages of a copy, in seconds.

    :param max_data_age: since the backup time.
    :param max_copy_age: since the copy arrived in the region.
    """

    max_data_age: float
    max_copy_age: float


@dataclass(frozen=True, slots=True)
class CopyLocation:
    """A droplet, a region, and the newest policy snapshot in this region, if any."""

    droplet: Droplet
    region: str
    snapshot: PolicySnapshot | None
    newest: PolicySnapshot | None = None
    """The droplet's newest policy snapshot in any region."""

    def __str__(self) -> str:
        return f"{messages.droplet_text(self.droplet.name, self.droplet.id)} in {self.region}"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """The result for one location. Ages are in seconds.

    :param copied_at: when the snapshot arrived in the region; ``None`` if unknown.
    :param problem: what is missing or stale, in words; ``None`` if nothing is.
    :param last_good_copy: the last good copy and its age, in words; ``None`` if none is known.
    """

    location: CopyLocation
    data_age: float | None = None
    copied_at: datetime | None = None
    copy_age: float | None = None
    problem: str | None = None
    last_good_copy: str | None = None

    def __str__(self) -> str:
        arrived = f" Copied at {format_time(self.copied_at)}." if self.copied_at else ""
        last = self.last_good_copy or "No good copy is known."
        return f"{self.location}: {self.problem} ({last}{arrived})"

    def to_row(self) -> dict[str, Any]:
        """Return JSON values, always with all keys."""
        snapshot = self.location.snapshot
        return {
            "image_id": snapshot.image.id if snapshot else None,
            "droplet_id": self.location.droplet.id,
            "droplet_name": self.location.droplet.name,
            "region": self.location.region,
            "taken_at": format_time(snapshot.name.taken_at) if snapshot else None,
            "data_age_seconds": self.data_age,
            "copied_at": format_time(self.copied_at),
            "copy_age_seconds": self.copy_age,
            "ok": self.problem is None,
            "problem": self.problem,
            "last_good_copy": self.last_good_copy,
        }


def list_locations(
    images: Iterable[Image],
    policy: str,
    droplets: Iterable[Droplet],
    regions: Sequence[str],
    now: datetime,
) -> list[CopyLocation]:
    """Return a location for each droplet and region, ignoring snapshots of other droplets."""
    groups = snapshots_by_droplet(images, policy)
    locations = []
    for droplet in droplets:
        usable = [one for one in groups.get(droplet.id, ()) if not one.unusable_reason(now)]
        newest = next(iter(usable), None)
        for region in regions:
            snapshot = next((one for one in usable if region in one.image.regions), None)
            locations.append(CopyLocation(droplet, region, snapshot, newest))
    return locations


def evaluate_location(
    location: CopyLocation, actions: Iterable[ImageAction], limits: AuditLimits, now: datetime
) -> AuditFinding:
    """Evaluate the newest snapshot of a location.

    :param actions: the action history of the snapshot.
    """
    if location.snapshot is None:
        last = _describe_copy(location.newest, now)
        return AuditFinding(location, problem="no policy snapshot", last_good_copy=last)
    data_age = _age(location.snapshot.name.taken_at, now)
    history = tuple(actions)
    copied_at = _arrival(location, history)
    copy_age = None if copied_at is None else _age(copied_at, now)
    arrived = copied_at or _earliest_arrival(history)
    # A copy is never older than its data.
    oldest_possible = data_age if arrived is None else _age(arrived, now)
    problems = []
    if data_age > limits.max_data_age:
        problems.append(
            f"the data is {duration_text(data_age)} old, more than "
            f"{duration_text(limits.max_data_age)}"
        )
    if oldest_possible > limits.max_copy_age:
        age = "of unknown age" if copy_age is None else f"{duration_text(copy_age)} old"
        problems.append(f"the copy is {age}, more than {duration_text(limits.max_copy_age)}")
    problem = " and ".join(problems) or None
    last = _describe_copy(location.snapshot, now)
    return AuditFinding(location, data_age, copied_at, copy_age, problem, last)


def audit_copies(
    client: ApiClient,
    policy: str,
    selector: DropletSelector,
    regions: Sequence[str],
    limits: AuditLimits,
    *,
    now: datetime,
) -> list[AuditFinding]:
    """Read the account, and return a finding for each droplet and region.

    Sends only GET requests: one per page of droplets and images, and one per snapshot that is the
    newest in a region. Snapshots of deleted droplets are ignored.

    :raises DigitalOceanError: if a read fails, or no droplet matches.
    """
    droplets = selector.read(client)
    images = client.all_private_images()
    if warning := unknown_policy(images, policy):
        log.warning("%s", warning)
    locations = list_locations(images, policy, droplets, regions, now)
    image_ids = dict.fromkeys(one.snapshot.image.id for one in locations if one.snapshot)
    histories = {image_id: list(client.list_image_actions(image_id)) for image_id in image_ids}
    return [
        evaluate_location(
            one, histories[one.snapshot.image.id] if one.snapshot else (), limits, now
        )
        for one in locations
    ]


def describe_findings(findings: Sequence[AuditFinding], policy: str) -> str | None:
    """Count the missing and stale copies, and name the worst; return ``None`` without any."""
    bad = violations(findings)
    if not bad:
        return None
    more = f" and {len(bad) - MAX_LISTED} more" if len(bad) > MAX_LISTED else ""
    named = ", ".join(str(finding.location) for finding in bad[:MAX_LISTED])
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


def _describe_copy(snapshot: PolicySnapshot | None, now: datetime) -> str | None:
    if snapshot is None:
        return None
    what = f"image {snapshot.image.id} in {', '.join(snapshot.image.regions)}, of"
    return describe_last_good_copy(what, snapshot.name.taken_at, now.timestamp())


def _age(moment: datetime, now: datetime) -> float:
    """Return the age in seconds, at least 0: the API's clock may be ahead of this machine's."""
    return max((now - moment).total_seconds(), 0.0)


def _arrival(location: CopyLocation, actions: Iterable[ImageAction]) -> datetime | None:
    """Return when the snapshot arrived: by a transfer or, in the droplet's region, the convert."""
    completed = [action for action in actions if action.status is ActionStatus.COMPLETED]
    arrivals = [
        action
        for action in completed
        if is_type(action, "transfer") and action.region_slug == location.region
    ]
    if not arrivals and location.region == location.droplet.region:
        arrivals = [action for action in completed if is_type(action, "convert")]
    return max((one.completed_at for one in arrivals if one.completed_at), default=None)


def _earliest_arrival(actions: Iterable[ImageAction]) -> datetime | None:
    """Return the earliest time at which a transfer without a region may have created a copy."""
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
