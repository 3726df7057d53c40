"""The operator that audits the snapshots of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_READS
from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import check_regions, check_seconds
from airflow_provider_do_images.core.snapshots.audit import (
    AuditLimits,
    audit_copies,
    describe_findings,
    violations,
)
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.naming import check_policy
from airflow_provider_do_images.exceptions import AUDIT_FAILED, PermanentTaskError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook


class DigitalOceanAuditSnapshotsOperator(BaseOperator):
    """Fail if a droplet has no recent snapshot of a policy in one of the regions. Read-only.

    Use a DAG of its own, with its own schedule: then it also reports backup runs that never
    started. Snapshots of deleted droplets are ignored. Set exactly one of ``droplet_id``,
    ``droplet_name`` and ``tag``.

    Returns one row per droplet and region, also pushed if the task fails: ``image_id`` of the
    newest snapshot in this region (null if there is none), ``droplet_id``, ``droplet_name``,
    ``region``, ``taken_at`` (backup time), ``data_age_seconds``, ``copied_at`` (when the transfer
    completed or, in the droplet's region, the convert; null if unknown), ``copy_age_seconds``,
    ``ok``, ``problem`` (in words, or null) and ``last_good_copy`` (in words: the newest snapshot in
    this region or, without one, in any region, with regions and age; null if there is none).

    :param policy: name of the snapshot policy. (templated)
    :param droplet_id: id of the droplet. (templated)
    :param droplet_name: name of the droplets. (templated)
    :param tag: tag of the droplets, ignoring case. (templated)
    :param regions: slugs of the regions, as a list or a text with commas. The droplet's own region
        is audited only if it is listed. (templated)
    :param max_data_age: maximum age of the backup, in seconds or as a ``timedelta``. (templated)
    :param max_copy_age: maximum time since the copy arrived, in seconds or as a ``timedelta``. If
        the arrival is unknown, the age of the data is used, which is never lower. (templated)
    :param digitalocean_conn_id: id of the connection. Its token needs the scopes ``image:read`` and
        ``droplet:read``, and for ``tag`` also ``tag:read``. (templated)
    """

    ui_color = "#0069ff"
    ui_fgcolor = "#ffffff"
    template_fields: Sequence[str] = (
        "policy",
        "droplet_id",
        "droplet_name",
        "tag",
        "regions",
        "max_data_age",
        "max_copy_age",
        "digitalocean_conn_id",
    )

    def __init__(
        self,
        *,
        policy: str,
        regions: Sequence[str] | str,
        max_data_age: timedelta | float | str,
        max_copy_age: timedelta | float | str,
        droplet_id: int | str | None = None,
        droplet_name: str | None = None,
        tag: str | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.policy = policy
        self.droplet_id = droplet_id
        self.droplet_name = droplet_name
        self.tag = tag
        self.regions = regions
        self.max_data_age = max_data_age
        self.max_copy_age = max_copy_age
        self.digitalocean_conn_id = digitalocean_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Audit all copies, push the rows, and fail if a copy is missing or stale."""
        with airflow_exceptions(CLEARING_READS):
            policy = check_policy(self.policy)
            selector = DropletSelector.checked(self.droplet_id, self.droplet_name, self.tag)
            regions = check_regions(self.regions, least=1)
            limits = AuditLimits(
                check_seconds("max_data_age", self.max_data_age),
                check_seconds("max_copy_age", self.max_copy_age),
            )
            with error_context(droplet=str(selector)):
                client = DigitalOceanHook(self.digitalocean_conn_id).get_conn()
                findings = audit_copies(
                    client, policy, selector, regions, limits, now=datetime.now(UTC)
                )
        rows = [finding.to_row() for finding in findings]
        if problem := describe_findings(findings, policy):
            for finding in violations(findings):
                self.log.error("%s", finding)
            context["ti"].xcom_push(key="return_value", value=rows)
            raise PermanentTaskError(f"{problem} {CLEARING_READS}", AUDIT_FAILED)
        self.log.info("All %d copies of policy %s exist and are recent.", len(rows), policy)
        return rows
