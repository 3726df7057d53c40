"""The operator that finds the backups of droplets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_READS
from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.list_restore_points import (
    RestorePointSettings,
    list_restore_points,
)
from airflow_provider_do_images.core.snapshots.restore_points import RestorePointSelection
from airflow_provider_do_images.exceptions import (
    NO_RESTORE_POINT,
    PermanentTaskError,
    TaskSkipped,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import DropletLink

_SHOWN = 5
"""How many missing droplets the failure names; the log and the XCom have all."""


class DigitalOceanListRestorePointsOperator(BaseOperator):
    """Find the newest restore point of each droplet: a backup, or what the policy made of one.

    Returns a list with a row for each droplet, for
    ``DigitalOceanConvertImageOperator.partial(...).expand(restore_point=find.output)``. A row has
    ``image_id``, ``droplet_id``, ``droplet_name``, ``type``, ``name``, ``created_at``, ``regions``
    (slugs), ``size_gigabytes`` (in GiB), ``expires_at`` (null for a snapshot), ``policy``,
    ``taken_at`` (when the backup was made), ``skip_reason`` and ``on_missing``. Times are ISO 8601
    in UTC.

    A snapshot of the policy counts like the backup that it was, so a run that is cleared or
    repeated finds the same image again, until there is a newer backup. Backups and snapshots that
    are named for other policies are never chosen, nor those that are unusable: with another status
    than ``available``, with a size of 0, or with a backup time in the future.

    Droplets without a restore point that will do (none, too old, backups switched off, a name that
    several droplets have) are the XCom ``missing``: a list of ``droplet_id``, ``droplet_name`` and
    ``reason``. ``on_missing`` says what becomes of them. If all are missing, the task itself fails,
    is skipped or returns an empty list.

    The data interval of the run does not matter: a backfill or a manual run finds what is there
    now. If that is a snapshot of the policy already, nothing that follows is written anew.

    The token needs the scopes ``droplet:read`` and ``image:read``, for a tag also ``tag:read``.

    :param droplet_id: id of the droplet. (templated)
    :param droplet_name: instead of it, its name. (templated)
    :param tag: instead of both, a tag in any case: all droplets that have it, those with GPUs
        included. (templated)
    :param policy: whose the snapshots are, such as ``prod-nightly``: up to 63 letters, digits and
        hyphens. (templated)
    :param max_backup_age: how old the restore point may be, in seconds or as a ``timedelta``; by
        default 36 hours, which suits daily backups. Weekly ones need 8 days. (templated)
    :param backup_retention_days: days for which DigitalOcean keeps a backup, which the API does
        not tell: by default 7, as for daily ones; weekly ones are kept 28. (templated)
    :param expiry_warning_window: the log warns of a backup that expires within this time, in
        seconds or as a ``timedelta``; by default a day. (templated)
    :param on_missing: what a convert that is mapped over the rows does for a missing droplet:
        ``fail`` or ``skip``; with ``ignore`` there is no row for it. (templated)
    :param digitalocean_conn_id: id of the connection. (templated)
    """

    operator_extra_links = (DropletLink(),)
    template_fields: Sequence[str] = (
        "droplet_id",
        "droplet_name",
        "tag",
        "policy",
        "max_backup_age",
        "backup_retention_days",
        "expiry_warning_window",
        "on_missing",
        "digitalocean_conn_id",
    )
    ui_color = "#d6e7ff"

    def __init__(
        self,
        *,
        policy: str,
        droplet_id: int | str | None = None,
        droplet_name: str | None = None,
        tag: str | None = None,
        max_backup_age: timedelta | float | str = timedelta(hours=36),
        backup_retention_days: float | str = 7,
        expiry_warning_window: timedelta | float | str = timedelta(days=1),
        on_missing: str = "fail",
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.policy = policy
        self.droplet_id = droplet_id
        self.droplet_name = droplet_name
        self.tag = tag
        self.max_backup_age = max_backup_age
        self.backup_retention_days = backup_retention_days
        self.expiry_warning_window = expiry_warning_window
        self.on_missing = on_missing
        self.digitalocean_conn_id = digitalocean_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the account, choose, tell what is missing, and return the rows."""
        now = datetime.fromtimestamp(time.time(), UTC)
        with airflow_exceptions(CLEARING_READS):
            wanted = DropletSelector.checked(self.droplet_id, self.droplet_name, self.tag)
            settings = RestorePointSettings.checked(
                self.policy,
                self.max_backup_age,
                self.backup_retention_days,
                self.expiry_warning_window,
                self.on_missing,
            )
            with error_context(droplet=str(wanted)):
                client = DigitalOceanHook(self.digitalocean_conn_id).get_conn()
                choice = list_restore_points(client, wanted, settings, now)
        self._tell(choice, settings, now)
        missing = [one.to_json() for one in choice.missing]
        context["ti"].xcom_push(key="droplets_without_restore_point", value=missing)
        if not choice.points:
            self._end_empty(wanted, choice, settings)
        return settings.rows(choice)

    def _tell(
        self, choice: RestorePointSelection, settings: RestorePointSettings, now: datetime
    ) -> None:
        for point in choice.points:
            self.log.info("%s", point)
            if warning := settings.expiry_warning(point, now):
                self.log.warning("%s", warning)
        for one in choice.missing:
            self.log.warning("No restore point for %s.", one)

    def _end_empty(
        self, wanted: DropletSelector, choice: RestorePointSelection, settings: RestorePointSettings
    ) -> None:
        if settings.on_missing == "ignore":
            return
        shown = "; ".join(str(one) for one in choice.missing[:_SHOWN])
        more = len(choice.missing) - _SHOWN
        raise (PermanentTaskError if settings.on_missing == "fail" else TaskSkipped)(
            f"none of the {wanted} has a restore point that will do: {shown}"
            f"{f'; and {more} more' if more > 0 else ''}. {CLEARING_READS}",
            NO_RESTORE_POINT,
        )
