"""The operator that prunes the snapshots of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_DELETES
from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api.validation import (
    check_count,
    check_flag,
    check_price,
)
from airflow_provider_do_images.core.jobs.prune import PruneJob, PrunePlan
from airflow_provider_do_images.core.snapshots.naming import check_policy
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH
from airflow_provider_do_images.core.snapshots.prune import (
    MAX_DELETES,
)
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook


class DigitalOceanPruneSnapshotsOperator(BaseOperator):
    """Delete the snapshots of a policy that no retention rule retains. The default is a dry run.

    Only images with the name of the policy are considered
    (:class:`~airflow_provider_do_images.core.snapshots.naming.SnapshotName`). Rules and guards
    apply to each droplet separately. These snapshots are never deleted:

    - the newest, the newest in each of ``regions``, and the newest in all of them together; if no
      snapshot of the droplet is in all ``regions``, every snapshot;
    - snapshots younger than ``min_age``, and the newest ``min_keep``;
    - images with the protected tag, or with an action in progress;
    - images that are not available, or not snapshots yet;
    - snapshots of deleted droplets, unless ``prune_orphans`` is set.

    The plan is logged and pushed as XCom ``plan`` before the first DELETE. It has one row per
    snapshot of the policy: ``image_id``, ``name``, ``droplet_id``, ``droplet_name`` (null if the
    droplet is deleted), ``taken_at``, ``regions``, ``decision`` (``retain`` or ``delete``),
    ``reasons``, ``size_gigabytes`` (GiB), ``usd_per_month`` and ``deleted``. Returns the rows to
    delete, with ``deleted`` true if the image is deleted. Each image is read immediately before its
    DELETE, and retained if it has changed. Afterwards the operator verifies all deletions in the
    account's list of images.

    The first failed DELETE fails the task. So does an image that still exists one minute after its
    DELETE was accepted. The error names the image and the number of accepted DELETEs. A retry
    builds a new plan, and an already deleted image counts as deleted.

    :param policy: name of the snapshot policy. (templated)
    :param keep_last: retain this number of the newest snapshots. (templated)
    :param keep_daily: retain the newest snapshot of each day, for this number of days that have
        one, by backup time in UTC. (templated)
    :param keep_weekly: the same for ISO weeks. (templated)
    :param keep_monthly: the same for months. At least one of the four must be above 0. (templated)
    :param regions: slugs of the regions that each snapshot is expected in, as a sequence or a text
        with commas; default none. (templated)
    :param min_age: retain snapshots whose backup is younger, in seconds or as a ``timedelta``;
        default one day. (templated)
    :param min_keep: minimum number of snapshots to retain per droplet, at least 1. (templated)
    :param protected_tag: retain images with this tag, ignoring case. (templated)
    :param prune_orphans: also apply rules and guards to deleted droplets. (templated)
    :param max_delete: maximum number of deletions. If the plan has more, nothing is deleted and the
        task fails. A daily policy of 300 droplets deletes about 300 snapshots per run. (templated)
    :param usd_per_gib_month: storage price for the cost estimate. (templated)
    :param dry_run: delete nothing, only return and log the plan. The default; a template must
        render to ``true`` or ``false``. (templated, as ``plan_only``)
    :param digitalocean_conn_id: id of the connection. Its token needs the scopes ``image:read``,
        ``droplet:read`` and ``tag:read``, and without a dry run ``image:delete``. Without
        ``tag:read``, protected tags are unknown and nothing is deleted. (templated)
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
        self.plan_only = dry_run  # BaseOperator.dry_run is a method
        self.digitalocean_conn_id = digitalocean_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Build and log the plan and, unless this is a dry run, execute it."""
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
            results = job.execute(plan)
        self.log.info("Deleted %s.", _describe_total([one for one in results if one.deleted]))
        return [one.to_row() for one in results]

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
        self.log.info("::group::Plan for %d snapshots of policy %s", len(plan.decisions), policy)
        for one in plan.decisions:
            verb = "delete" if one.delete else "retain"
            self.log.info("%s %s: %s", verb, one, "; ".join(one.reasons))
        self.log.info("::endgroup::")

    def _log_dry_run(self, plan: PrunePlan) -> None:
        prefix = "nothing, because prune would refuse to delete " if plan.refusal else ""
        self.log.warning(
            "DRY RUN: NOTHING WAS DELETED. With dry_run=False it would delete %s%s.",
            prefix,
            _describe_total(plan.deletions),
        )
        if plan.refusal:
            self.log.warning("Prune would refuse: %s", plan.refusal)


def _describe_total(decisions: list[RetentionDecision]) -> str:
    """Write the number of images, their size and their monthly cost."""
    size = sum(one.snapshot.image.size_gigabytes or 0 for one in decisions)
    price = sum(one.usd_per_month or 0 for one in decisions)
    return f"{len(decisions)} images: {size:g} GiB, {price:.2f} USD per month"
