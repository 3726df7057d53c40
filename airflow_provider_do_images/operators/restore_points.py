"""The operator that lists the restore points of droplets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_BY_CODE, CLEARING_READS
from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.list_restore_points import (
    RestorePointSettings,
    list_restore_points,
)
from airflow_provider_do_images.core.snapshots.restore_points import (
    MissingRestorePoint,
    RestorePointSelection,
)
from airflow_provider_do_images.exceptions import (
    NO_RESTORE_POINT,
    PermanentTaskError,
    TaskSkipped,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import DropletLink

_MAX_LISTED = 5
"""The maximum number of droplets in the error message; the log and the XCom list all."""


class DigitalOceanListRestorePointsOperator(BaseOperator):
    """List the newest restore point of each droplet: a backup or a policy snapshot.

    Returns one row per droplet, as input for
    ``DigitalOceanConvertImageOperator.partial(...).expand(restore_point=find.output)``. A row has
    ``image_id``, ``droplet_id``, ``droplet_name``, ``type``, ``name``, ``created_at``, ``regions``
    (slugs), ``size_gigabytes`` (in GiB), ``expires_at`` (null for a snapshot), ``policy``,
    ``taken_at`` (the backup time), ``skip_reason`` and ``on_missing``. Times are ISO 8601 in UTC.

    A policy snapshot counts like the backup that it was converted from. A cleared or repeated run
    therefore selects the same image, until there is a newer backup. The operator never selects
    images of other policies, or unusable images: status other than ``available``, size 0, or a
    backup time in the future.

    The XCom ``droplets_without_restore_point`` lists the droplets without a usable restore point:
    ``droplet_id``, ``droplet_name`` and ``reason``. Reasons are: no backup, too old, backups
    disabled, or several droplets with the same name. ``on_missing`` defines how they are handled.
    If no droplet has a restore point, this task fails, is skipped or returns an empty list.

    The data interval is ignored: a backfill or a manual run selects the newest restore point. If
    it is a policy snapshot, downstream tasks do not repeat completed actions.

    The token needs the scopes ``droplet:read`` and ``image:read``, and for ``tag`` also
    ``tag:read``. Set exactly one of ``droplet_id``, ``droplet_name`` and ``tag``.

    :param droplet_id: id of the droplet. (templated)
    :param droplet_name: name of the droplet. (templated)
    :param tag: select all droplets with this tag, ignoring case, including GPU droplets.
        (templated)
    :param policy: name of the snapshot policy, such as ``prod-nightly``: up to 63 letters, digits
        and hyphens. (templated)
    :param max_backup_age: maximum age of a restore point, in seconds or as a ``timedelta``; default
        36 hours, for daily backups. Weekly backups need 8 days. (templated)
    :param backup_retention_days: days for which DigitalOcean retains a backup; default 7, for daily
        backups. Weekly backups are retained for 28 days. The API does not report it. (templated)
    :param expiry_warning_window: log a warning if a backup expires within this time, in seconds or
        as a ``timedelta``; default one day. (templated)
    :param on_missing: what a mapped convert does for a droplet without a restore point: ``fail`` or
        ``skip``. With ``ignore`` the droplet has no row. (templated)
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
        """Read the account, log the restore points, and return the rows."""
        now = datetime.fromtimestamp(time.time(), UTC)
        with airflow_exceptions(CLEARING_READS):
            selector = DropletSelector.checked(self.droplet_id, self.droplet_name, self.tag)
            settings = RestorePointSettings.checked(
                self.policy,
                self.max_backup_age,
                self.backup_retention_days,
                self.expiry_warning_window,
                self.on_missing,
            )
            with error_context(droplet=str(selector)):
                client = DigitalOceanHook(self.digitalocean_conn_id).get_conn()
                selection = list_restore_points(client, selector, settings, now)
        self._log_selection(selection, settings, now)
        missing = [one.to_json() for one in selection.missing]
        context["ti"].xcom_push(key="droplets_without_restore_point", value=missing)
        if not selection.points:
            self._raise_empty(selector, selection, settings)
        return settings.rows(selection)

    def _log_selection(
        self, selection: RestorePointSelection, settings: RestorePointSettings, now: datetime
    ) -> None:
        for point in selection.points:
            self.log.info("%s", point)
            if warning := settings.expiry_warning(point, now):
                self.log.warning("%s", warning)
        for one in selection.missing:
            self.log.warning("No restore point for %s", _describe(one))

    def _raise_empty(
        self,
        selector: DropletSelector,
        selection: RestorePointSelection,
        settings: RestorePointSettings,
    ) -> None:
        if settings.on_missing == "ignore":
            return
        listed = " ".join(_describe(one) for one in selection.missing[:_MAX_LISTED])
        more = len(selection.missing) - _MAX_LISTED
        raise (PermanentTaskError if settings.on_missing == "fail" else TaskSkipped)(
            f"no usable restore point for {selector}: {listed}"
            f"{f' {more} more are in the log.' if more > 0 else ''} {CLEARING_READS}",
            NO_RESTORE_POINT,
        )


def _describe(missing: MissingRestorePoint) -> str:
    """Describe a droplet without a restore point, and the task to clear, if there is one."""
    advice = CLEARING_BY_CODE.get(missing.reason_code or "", "")
    return f"{missing}. {advice}".rstrip()
