"""List the restore points of the selected droplets: settings and reads."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.validation import check_choice, check_seconds
from airflow_provider_do_images.core.snapshots.inventory import (
    DropletSelector,
    count_policies,
    unknown_policy,
)
from airflow_provider_do_images.core.snapshots.naming import check_policy
from airflow_provider_do_images.core.snapshots.restore_points import (
    RestorePoint,
    RestorePointSelection,
    select_restore_points,
)

if TYPE_CHECKING:  # loads requests; without it this module imports fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

ON_MISSING = ("fail", "skip", "ignore")
"""How to handle a droplet without a restore point."""


@dataclass(frozen=True, slots=True)
class RestorePointSettings:
    """Settings of a list of restore points.

    :param max_backup_age: an older restore point is too old.
    :param retention: how long DigitalOcean retains a backup.
    :param expiry_warning_window: warn if a backup expires within this time.
    :param on_missing: how to handle a droplet without a restore point; one of ``ON_MISSING``.
    """

    policy: str
    max_backup_age: timedelta
    retention: timedelta
    expiry_warning_window: timedelta
    on_missing: str

    @classmethod
    def checked(
        cls,
        policy: Any,
        max_backup_age: Any,
        backup_retention_days: Any,
        expiry_warning_window: Any,
        on_missing: Any,
    ) -> Self:
        """Build settings from unchecked parameters.

        :raises InvalidInputError: with the name of the parameter.
        """
        return cls(
            check_policy(policy),
            timedelta(seconds=check_seconds("max_backup_age", max_backup_age)),
            timedelta(
                seconds=check_seconds("backup_retention_days", backup_retention_days, unit="days")
            ),
            timedelta(seconds=check_seconds("expiry_warning_window", expiry_warning_window)),
            check_choice("on_missing", on_missing, ON_MISSING),
        )

    def rows(self, selection: RestorePointSelection) -> list[dict[str, Any]]:
        """Return one row per droplet, as input for the conversions."""
        rows = [
            point.to_row(self.policy, self.retention, self.on_missing) for point in selection.points
        ]
        if self.on_missing != "ignore":
            rows += [one.to_row(self.policy, self.on_missing) for one in selection.missing]
        return rows

    def expiry_warning(self, point: RestorePoint, now: datetime) -> str | None:
        """Return a warning if a backup expires within the warning window."""
        expires_at = point.expires_at(self.retention)
        if expires_at is None or expires_at - now >= self.expiry_warning_window:
            return None
        days = f"{self.retention / timedelta(days=1):g} days (backup_retention_days)"
        if expires_at <= now:
            return (
                f"{point} still exists but expired at {format_time(expires_at)} with a retention "
                f"of {days}: the value is lower than the droplet's backup policy, or "
                f"DigitalOcean is about to delete the backup"
            )
        return (
            f"{point} expires at {format_time(expires_at)} with a retention of {days}: convert it "
            f"before then"
        )


def list_restore_points(
    client: ApiClient, selector: DropletSelector, settings: RestorePointSettings, now: datetime
) -> RestorePointSelection:
    """Read the account, and select a restore point for each droplet.

    Logs a warning if the policy has no image, but other policies have.

    :raises InvalidInputError: if no droplet matches.
    :raises InvalidResponseError: if a list is still incomplete after several reads.
    """
    # In this order: see select_restore_points().
    droplets = selector.read(client)
    images = client.all_private_images()
    if count_policies(images) and (warning := unknown_policy(images, settings.policy)):
        log.warning("%s", warning)
    return select_restore_points(
        droplets,
        images,
        settings.policy,
        now=now,
        max_backup_age=settings.max_backup_age,
        only_one=selector.name is not None,
    )
