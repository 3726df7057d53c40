"""Plan which policy snapshots to delete, and delete them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.core.snapshots.inventory import unknown_policy
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH
from airflow_provider_do_images.core.snapshots.prune import (
    MAX_DELETES,
    delete_snapshots,
    find_refusal,
    select_deletions,
)
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
    missing_regions,
    plan_retention,
)

if TYPE_CHECKING:  # loads requests; DAG parsing stays fast
    from airflow_provider_do_images.api import ApiClient


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """The result of a dry run.

    :param decisions: one for each snapshot of the policy.
    :param deletions: those that delete, the oldest first.
    :param refusal: the error with which prune refuses to execute the plan, if it does.
    :param warning: a name that may be mistyped, if there is one.
    """

    decisions: list[RetentionDecision]
    deletions: list[RetentionDecision]
    refusal: DigitalOceanError | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class PruneJob:
    """Delete the snapshots of a policy that no retention rule keeps.

    :param client: sends the requests.
    :param policy: the policy's name.
    :param retention: its rules.
    :param max_delete: the maximum number of deletions; a larger plan is refused.
    :param usd_per_gib_month: the price for the cost estimate.
    """

    client: ApiClient
    policy: str
    retention: RetentionPolicy
    max_delete: int = MAX_DELETES
    usd_per_gib_month: float = USD_PER_GIB_MONTH

    def plan(self, now: datetime) -> PrunePlan:
        """Read the account, and decide for each snapshot of the policy whether it is deleted."""
        images, droplets = self.client.all_private_images(), self.client.all_droplets()
        decisions = plan_retention(
            images,
            droplets,
            self.policy,
            self.retention,
            now=now,
            usd_per_gib_month=self.usd_per_gib_month,
        )
        deletions = select_deletions(decisions)
        refusal = find_refusal(self.client, deletions, self.max_delete)
        warning = unknown_policy(images, self.policy)
        if not warning and (regions := missing_regions(decisions, self.retention)):
            warning = (
                f"No snapshot of the policy is in {', '.join(regions)}, so nothing is deleted. "
                f"Check the spelling."
            )
        return PrunePlan(decisions, deletions, refusal, warning)

    def execute(
        self, plan: PrunePlan, sleep: Callable[[float], None] = time.sleep
    ) -> list[RetentionDecision]:
        """Delete what the plan selects, and return what became of each deletion.

        :raises DigitalOceanError: if the plan is refused, or a deletion fails.
        """
        if plan.refusal:
            raise plan.refusal
        return delete_snapshots(self.client, plan.deletions, self.retention, sleep=sleep)
