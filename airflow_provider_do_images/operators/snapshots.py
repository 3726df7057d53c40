"""The operators that look after the snapshots of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_DELETES, CLEARING_READS
from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import (
    check_count,
    check_flag,
    check_price,
    check_regions,
    check_seconds,
)
from airflow_provider_do_images.core.jobs.prune import PruneJob, PrunePlan
from airflow_provider_do_images.core.snapshots.audit import (
    AuditLimits,
    audit_copies,
    describe_findings,
    violations,
)
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.naming import check_policy
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH
from airflow_provider_do_images.core.snapshots.prune import (
    MAX_DELETES,
)
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
)
from airflow_provider_do_images.exceptions import AUDIT_FAILED, PermanentTaskError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook


class DigitalOceanPruneSnapshotsOperator(BaseOperator):
    """Delete the snapshots of a policy that no rule keeps. By default it only says which.

    Whose snapshot an image is, its name alone tells
    (:class:`~airflow_provider_do_images.core.snapshots.naming.SnapshotName`); all others are left
    alone.
    Rules and guards apply to the snapshots of one droplet at a time. Whatever the rules, these are
    never deleted: the newest; the newest in each wanted region and in all of them together, and as
    long as none is in all of them, any; what is younger than ``min_age``; what would leave
    fewer than ``min_keep``; what has the protected tag, or an action in progress; what is not
    a snapshot (yet), or not available; and what is of a droplet that is gone, unless
    ``prune_orphans`` is set.

    The plan is logged and pushed as XCom ``plan`` before the first DELETE: a list of a row for each
    snapshot of the policy, with ``image_id``, ``name``, ``droplet_id``, ``droplet_name`` (null if
    it is gone), ``taken_at``, ``regions``, ``decision`` (``keep`` or ``delete``), ``reasons``,
    ``size_gigabytes`` (GiB), ``usd_per_month`` and ``deleted``. Returns the rows that the plan
    deletes, with ``deleted`` true if the image is gone: each is read right before its DELETE, and
    kept if it has changed, and all are looked for in the account's list afterwards. These rows tell
    of images, not of actions, so they have other keys than those of the operators that submit.

    The first DELETE that fails ends the task and is named, with how many were accepted before it,
    and so does an image that is still there a minute after its DELETE was accepted. A retry plans
    anew, and what is gone already counts as deleted.

    :param policy: whose snapshots. (templated)
    :param keep_last: keep so many of the newest. (templated)
    :param keep_daily: keep the newest of each of the last so many days that have a snapshot, by
        backup time in UTC. (templated)
    :param keep_weekly: the same for ISO weeks. (templated)
    :param keep_monthly: the same for months. At least one of the four must be above 0. (templated)
    :param regions: slugs of the regions that each snapshot is meant to be in, as any sequence or as
        text with commas; an empty one, the default, guards no region. (templated)
    :param min_age: seconds since the backup was made; by default a day. (templated)
    :param min_keep: how many a droplet keeps at least, 1 or more. (templated)
    :param protected_tag: a tag that keeps an image, in any case. (templated)
    :param prune_orphans: apply rules and guards also where the droplet is gone. (templated)
    :param max_delete: if the plan deletes more, nothing is deleted and the task fails. A policy of
        300 droplets gives up about 300 snapshots a night. (templated)
    :param usd_per_gib_month: the price of storage that the plan reckons with. (templated)
    :param dry_run: delete nothing, only say what would be deleted. The default; a template must
        render to ``true`` or ``false``. (templated, as ``plan_only``)
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read``,
        ``droplet:read``, ``tag:read`` and, unless in a dry run, ``image:delete``. Without
        ``tag:read`` protection cannot be seen, and nothing is deleted. (templated)
    """

    ui_color = "#0069ff"
    ui_fgcolor = "#ffffff"
    template_fields: Sequence[str] = (
        "policy",
        "keep_last",
        "keep_daily",
        "keep_weekly",
        "keep_monthly",
        "regions",
        "min_age",
        "min_keep",
        "protected_tag",
        "prune_orphans",
        "max_delete",
        "usd_per_gib_month",
        "plan_only",
        "digitalocean_conn_id",
    )

    def __init__(
        self,
        *,
        policy: str,
        keep_last: int | str = 0,
        keep_daily: int | str = 0,
        keep_weekly: int | str = 0,
        keep_monthly: int | str = 0,
        regions: Sequence[str] | str = (),
        min_age: timedelta | float | str = timedelta(days=1),
        min_keep: int | str = 2,
        protected_tag: str = "keep",
        prune_orphans: bool | str = False,
        max_delete: int | str = MAX_DELETES,
        usd_per_gib_month: float | str = USD_PER_GIB_MONTH,
        dry_run: bool | str = True,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.policy = policy
        self.keep_last = keep_last
        self.keep_daily = keep_daily
        self.keep_weekly = keep_weekly
        self.keep_monthly = keep_monthly
        self.regions = regions
        self.min_age = min_age
        self.min_keep = min_keep
        self.protected_tag = protected_tag
        self.prune_orphans = prune_orphans
        self.max_delete = max_delete
        self.usd_per_gib_month = usd_per_gib_month
        self.plan_only = dry_run  # ``dry_run`` is a method of Airflow's
        self.digitalocean_conn_id = digitalocean_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Plan, log the plan, and unless in a dry run delete what it selects."""
        with airflow_exceptions(CLEARING_DELETES, "Nothing was deleted."):
            policy = check_policy(self.policy)
            retention = self._retention()
            plan_only = check_flag("dry_run", self.plan_only)
            max_delete = check_count("max_delete", self.max_delete, least=1)
            price = check_price("usd_per_gib_month", self.usd_per_gib_month)
            client = DigitalOceanHook(self.digitalocean_conn_id).get_conn()
            job = PruneJob(client, policy, retention, max_delete, price)
            plan = job.plan(datetime.now(UTC))
            self._log_plan(policy, plan)
            context["ti"].xcom_push(key="plan", value=[one.to_row() for one in plan.decisions])
            if plan_only:
                self._log_dry_run(plan)
                return [one.to_row() for one in plan.deletions]
            if plan.refusal:
                raise plan.refusal
        with airflow_exceptions(CLEARING_DELETES):
            done = job.execute(plan)
        self.log.info("Deleted %s.", _sum([one for one in done if one.deleted]))
        return [one.to_row() for one in done]

    def _retention(self) -> RetentionPolicy:
        return RetentionPolicy.checked(
            keep_last=self.keep_last,
            keep_daily=self.keep_daily,
            keep_weekly=self.keep_weekly,
            keep_monthly=self.keep_monthly,
            regions=self.regions,
            min_age=self.min_age,
            min_keep=self.min_keep,
            protected_tag=self.protected_tag,
            prune_orphans=self.prune_orphans,
        )

    def _log_plan(self, policy: str, plan: PrunePlan) -> None:
        if plan.warning:
            self.log.warning("%s", plan.warning)
        self.log.info("::group::The plan for the %d snapshots of %s", len(plan.decisions), policy)
        for one in plan.decisions:
            verb = "delete" if one.delete else "retain"
            self.log.info("%s %s: %s", verb, one, "; ".join(one.reasons))
        self.log.info("::endgroup::")

    def _log_dry_run(self, plan: PrunePlan) -> None:
        result = "nothing, because prune would refuse to delete " if plan.refusal else ""
        self.log.warning(
            "DRY RUN: NOTHING WAS DELETED. With dry_run=False it would delete %s%s.",
            result,
            _sum(plan.deletions),
        )
        if plan.refusal:
            self.log.warning("Prune would refuse: %s", plan.refusal)


class DigitalOceanAuditSnapshotsOperator(BaseOperator):
    """Fail if a droplet lacks a new enough snapshot of a policy in one of the regions.

    It only reads. Best in a DAG of its own, so that a nightly run which never began alarms, too:
    then nothing else fails. Snapshots of droplets that are gone are not audited.

    Returns a row for each droplet and region, pushed also if the task fails: ``image_id`` of the
    newest snapshot there (null if there is none), ``droplet_id``, ``droplet_name``, ``region``,
    ``taken_at`` (of the backup), ``data_age_seconds``, ``copied_at`` (when the transfer there, or
    in the droplet's own region the convert, was completed; null if the history does not tell),
    ``copy_age_seconds``, ``ok``, ``problem`` (in words, or null) and ``last_good_copy`` (the newest
    snapshot there or, if there is none, in any region, with its regions and age, in words; null if
    there is none anywhere).

    :param policy: whose snapshots. (templated)
    :param droplet_id: the droplet by its id. (templated)
    :param droplet_name: or all droplets with this name. (templated)
    :param tag: or all droplets with this tag, in any case. (templated)
    :param regions: slugs of the regions, as a list or as text with commas; the droplet's own is
        one only if it is named. (templated)
    :param max_data_age: seconds since the backup was made. (templated)
    :param max_copy_age: seconds since the copy arrived; where that is not known, the age of the
        data counts, which is never less. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read`` and
        ``droplet:read``, with ``tag`` also ``tag:read``. (templated)
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
        """Audit, push all rows, and fail once if one of them is not well."""
        with airflow_exceptions(CLEARING_READS):
            policy = check_policy(self.policy)
            selection = DropletSelector.checked(self.droplet_id, self.droplet_name, self.tag)
            regions = check_regions(self.regions, least=1)
            limits = AuditLimits(
                check_seconds("max_data_age", self.max_data_age),
                check_seconds("max_copy_age", self.max_copy_age),
            )
            with error_context(droplet=str(selection)):
                client = DigitalOceanHook(self.digitalocean_conn_id).get_conn()
                findings = audit_copies(
                    client, policy, selection, regions, limits, now=datetime.now(UTC)
                )
        rows = [finding.to_row() for finding in findings]
        if problem := describe_findings(findings, policy):
            for finding in violations(findings):
                self.log.error("%s", finding)
            context["ti"].xcom_push(key="return_value", value=rows)
            raise PermanentTaskError(f"{problem} {CLEARING_READS}", AUDIT_FAILED)
        self.log.info("All %d copies of policy %s are there and new enough.", len(rows), policy)
        return rows


def _sum(decisions: list[RetentionDecision]) -> str:
    """Write how many images, GiB and dollars these are."""
    size = sum(one.snapshot.image.size_gigabytes or 0 for one in decisions)
    price = sum(one.usd_per_month or 0 for one in decisions)
    return f"{len(decisions)} images: {size:g} GiB, {price:.2f} USD a month"
