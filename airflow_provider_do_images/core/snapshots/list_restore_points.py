"""Finding the restore points of an account's droplets: what is asked for, and the reading."""

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

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

ON_MISSING = ("fail", "skip", "ignore")
"""What may become of a droplet without a restore point."""


@dataclass(frozen=True, slots=True)
class RestorePointSettings:
    """What a user wants of a search.

    :param max_backup_age: an older restore point will not do.
    :param retention: how long DigitalOcean keeps a backup.
    :param expiry_warning_window: how long before the end of that a warning is due.
    :param on_missing: what becomes of a droplet without a restore point; one of ``ON_MISSING``.
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
        """Build from what a user gave.

        :raises InvalidInputError: naming the parameter.
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

    def rows(self, choice: RestorePointSelection) -> list[dict[str, Any]]:
        """Return what a convert can be mapped over."""
        rows = [
            point.to_row(self.policy, self.retention, self.on_missing) for point in choice.points
        ]
        if self.on_missing != "ignore":
            rows += [one.to_row(self.policy, self.on_missing) for one in choice.missing]
        return rows

    def expiry_warning(self, point: RestorePoint, now: datetime) -> str | None:
        """Say that a backup expires soon, if it does."""
        expires_at = point.expires_at(self.retention)
        if expires_at is None or expires_at - now >= self.expiry_warning_window:
            return None
        days = f"{self.retention / timedelta(days=1):g} days (backup_retention_days)"
        if expires_at <= now:
            return (
                f"{point} still exists, although with {days} it expired at "
                f"{format_time(expires_at)}: backup_retention_days is less than this droplet's "
                "backup "
                f"plan has, or DigitalOcean deletes the backup any moment"
            )
        return (
            f"{point} expires at {format_time(expires_at)} if backups are kept {days}: convert it "
            f"before"
        )


def list_restore_points(
    client: ApiClient, wanted: DropletSelector, settings: RestorePointSettings, now: datetime
) -> RestorePointSelection:
    """Read the account and choose. Warn if the policy has no image, but others have.

    :raises InvalidInputError: if there are no such droplets.
    :raises InvalidResponseError: if a list has gaps each time.
    """
    # In this order: see choose().
    droplets = wanted.read(client)
    images = client.all_private_images()
    if count_policies(images) and (warning := unknown_policy(images, settings.policy)):
        log.warning("%s", warning)
    return select_restore_points(
        droplets,
        images,
        settings.policy,
        now=now,
        max_backup_age=settings.max_backup_age,
        only_one=wanted.name is not None,
    )
