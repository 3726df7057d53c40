"""One run of the nightly pipeline, without Airflow: each task is a method, to be tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.snapshots.audit import AuditFinding, AuditLimits, audit_copies
from airflow_provider_do_images.core.snapshots.claim import (
    SnapshotClaim,
    apply_claim,
    rename_before_convert,
)
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.list_restore_points import (
    RestorePointSettings,
    list_restore_points,
)
from airflow_provider_do_images.core.snapshots.prune import (
    check_number,
    delete_snapshots,
    require_tag_read_scope,
    select_deletions,
)
from airflow_provider_do_images.core.snapshots.restore_points import RestorePointSelection
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
    plan_retention,
)
from airflow_provider_do_images.core.submit.copies import (
    ImageRef,
    describe_replication,
    is_completed,
    merge_wait_results,
)
from airflow_provider_do_images.core.submit.decide import (
    ActionRequest,
    Blocked,
    Submission,
    SubmitOutcome,
)
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.replicate import Replicator
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait.evaluate import (
    WaitResult,
    WaitSpec,
    WaitStatus,
    evaluate_poll,
)
from airflow_provider_do_images.core.wait.flow import drive, drive_all, verify, wait_until_finished

HOUR = 3600.0
DAY = 24 * HOUR
POLICY = "prod-nightly"
TAG = "prod-nightly-kept"
REGIONS = ("ams3", "sgp1")
RETENTION = RetentionPolicy(keep_daily=4, keep_weekly=2, regions=REGIONS)
FIND = RestorePointSettings.checked(POLICY, 8 * DAY, 7, DAY, "ignore")
LIMITS = AuditLimits(max_data_age=9 * DAY, max_copy_age=9 * DAY)
MAX_DELETE = 20
POLL_INTERVAL = 300.0
TIMEOUT = 2 * HOUR
VERIFY_TIMEOUT = 120.0


class TaskFailedError(Exception):
    """What a task ends with if an action did not come to its good end."""


class Pipeline:
    """The tasks of a run.

    :param new_client: makes the client that a task begins with.
    :param now: returns the time, in Unix seconds.
    :param sleep: lets so many seconds pass.
    """

    def __init__(
        self,
        new_client: Callable[[], ApiClient],
        now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._new_client = new_client
        self._now = now
        self._sleep = sleep

    def find(self) -> RestorePointSelection:
        """Choose the restore points of the droplets with the tag."""
        with self._new_client() as client:
            return list_restore_points(client, DropletSelector(tag=TAG), FIND, self._moment())

    def rows(self, choice: RestorePointSelection) -> list[dict[str, Any]]:
        """Return what the next task is mapped over."""
        return FIND.rows(choice)

    def convert(self, row: Mapping[str, Any]) -> ActionResult:
        """Convert a row's backup and make it the policy's."""
        claim = SnapshotClaim.from_row(row)
        request = ActionRequest(claim.image_id)
        with self._new_client() as client:
            rename_before_convert(client, claim)
            result = replace(
                self._submit(client, request).to_result(),
                droplet_id=claim.name.droplet_id,
                droplet_name=claim.droplet_name,
            )
            if result.action and result.outcome != SubmitOutcome.ALREADY_EXISTS:
                self._finish(client, self._wait_for(result), result)
            apply_claim(
                client, claim, verify_timeout=VERIFY_TIMEOUT, clock=self._now, sleep=self._sleep
            )
        return result

    def replicate(self, converted: ActionResult) -> list[ActionResult]:
        """Copy a converted backup to the regions; return a row for each that is there."""
        image = ImageRef(converted.image_id, converted.droplet_id, converted.droplet_name)
        with self._new_client() as client:
            rows = self._submit_copies(client, image)
            waits = [self._wait_for(row) for row in rows if row.end is None]
            flows = [
                wait_until_finished(wait, poll_interval=POLL_INTERVAL, clock=self._now)
                for wait in waits
            ]
            verdicts = drive_all(flows, lambda ask: ask.send(client), self._sleep, self._now)
        rows = merge_wait_results(rows, verdicts)
        if not all(is_completed(row) for row in rows):
            raise TaskFailedError(describe_replication(rows, self._now()))
        return rows

    def prune(self) -> list[RetentionDecision]:
        """Delete what no rule keeps; return what became of it."""
        with self._new_client() as client:
            images, droplets = client.all_private_images(), client.all_droplets()
            require_tag_read_scope(client)
            wanted = select_deletions(
                plan_retention(images, droplets, POLICY, RETENTION, now=self._moment())
            )
            check_number(wanted, MAX_DELETE)
            return delete_snapshots(client, wanted, RETENTION)

    def audit(self) -> list[AuditFinding]:
        """Look at the newest copies."""
        with self._new_client() as client:
            now = self._moment() + timedelta(seconds=1)
            return audit_copies(client, POLICY, DropletSelector(tag=TAG), REGIONS, LIMITS, now=now)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _submit(self, client: ApiClient, request: ActionRequest) -> Submission:
        deadline = self._now() + TIMEOUT
        submitter = IdempotentSubmitter(client, request, clock=self._now, sleep=self._sleep)
        while isinstance(found := submitter.submit(), Blocked):
            self._wait_for_blockers(client, [found], deadline)
        return found

    def _submit_copies(self, client: ApiClient, image: ImageRef) -> list[ActionResult]:
        """Submit what is missing, as soon as no other transfer may be one of the copies."""
        deadline, own = self._now() + TIMEOUT, OwnTransfers()
        rows: dict[str | None, ActionResult] = {}
        while missing := [region for region in REGIONS if region not in rows]:
            loop = Replicator(client, image, own=own, clock=self._now, sleep=self._sleep)
            _, new, blocked = loop.submit(missing)
            rows |= {row.region: row for row in new}
            if blocked:
                self._wait_for_blockers(client, blocked, deadline)
        return [rows[region] for region in REGIONS]

    def _wait_for_blockers(
        self, client: ApiClient, blocked: Sequence[Blocked], deadline: float
    ) -> None:
        """Wait as an operator does until the transfers that block a submit have ended."""
        if self._now() >= deadline:
            raise TaskFailedError(f"timed out: {blocked}")
        waits = {w.action_id: w for one in blocked for w in one.waits(self._now(), deadline)}
        flows = [
            wait_until_finished(wait, poll_interval=POLL_INTERVAL, clock=self._now)
            for wait in waits.values()
        ]
        drive_all(flows, lambda ask: ask.send(client), self._sleep, self._now)

    def _wait_for(self, row: ActionResult) -> WaitSpec:
        if row.action is None:
            raise TaskFailedError(f"no action to wait for: {row}")
        now = self._now()
        return WaitSpec(
            row.image_id,
            row.action.id,
            now,
            now + TIMEOUT,
            row.region,
            VERIFY_TIMEOUT,
            outcome=row.outcome,
        )

    def _finish(self, client: ApiClient, wait: WaitSpec, result: ActionResult) -> None:
        """Wait as an operator does that has just submitted."""
        if result.action is None:
            return
        first = verify(evaluate_poll(wait, result.action, self._now()), self._now)
        verdict = drive(first, lambda ask: ask.send(client), self._sleep)
        if verdict is None:
            flow = wait_until_finished(wait, poll_interval=POLL_INTERVAL, clock=self._now)
            verdict = drive(flow, lambda ask: ask.send(client), self._sleep)
        _check(verdict)


def _check(verdict: WaitResult) -> None:
    if verdict.outcome is not WaitStatus.COMPLETED:
        raise TaskFailedError(f"{verdict.outcome}: {verdict}")
