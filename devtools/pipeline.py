"""One run of the nightly pipeline, without Airflow: each task is a method, to be tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_do_images._airflow.failures import describe_copies
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.jobs.errors import BlockedTimeoutError, WaitFailedError
from airflow_provider_do_images.core.jobs.prune import PruneJob
from airflow_provider_do_images.core.jobs.replicate import ReplicateJob
from airflow_provider_do_images.core.jobs.submit import SubmitJob
from airflow_provider_do_images.core.jobs.waiter import Waiter
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.snapshots.audit import AuditFinding, AuditLimits, audit_copies
from airflow_provider_do_images.core.snapshots.claim import SnapshotClaim
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.list_restore_points import (
    RestorePointSettings,
    list_restore_points,
)
from airflow_provider_do_images.core.snapshots.restore_points import RestorePointSelection
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
)
from airflow_provider_do_images.core.submit.decide import ActionRequest
from airflow_provider_do_images.core.submit.image_ref import ImageRef

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
        """Convert a row's backup and claim it as a policy snapshot."""
        claim = SnapshotClaim.from_row(row)
        with self._new_client() as client:
            job = SubmitJob(
                lambda: client,
                ActionRequest(claim.image_id),
                self._waiter(client),
                TIMEOUT,
                VERIFY_TIMEOUT,
                claim=claim,
            )
            try:
                return job.run()
            except (BlockedTimeoutError, WaitFailedError) as error:
                raise TaskFailedError(str(error)) from error

    def replicate(self, converted: ActionResult) -> list[ActionResult]:
        """Copy a converted backup to the regions; return a row for each."""
        image = ImageRef(converted.image_id, converted.droplet_id, converted.droplet_name)
        with self._new_client() as client:
            job = ReplicateJob(
                lambda: client, image, REGIONS, self._waiter(client), TIMEOUT, VERIFY_TIMEOUT
            )
            rows = job.run()
        if not all(row.is_completed for row in rows):
            raise TaskFailedError(describe_copies(rows))
        return rows

    def prune(self) -> list[RetentionDecision]:
        """Delete what no retention rule keeps; return what became of it."""
        with self._new_client() as client:
            job = PruneJob(client, POLICY, RETENTION, MAX_DELETE)
            return job.execute(job.plan(self._moment()))

    def audit(self) -> list[AuditFinding]:
        """Look at the newest copies."""
        with self._new_client() as client:
            now = self._moment() + timedelta(seconds=1)
            return audit_copies(client, POLICY, DropletSelector(tag=TAG), REGIONS, LIMITS, now=now)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _waiter(self, client: ApiClient) -> Waiter:
        return Waiter(
            lambda request: request.send(client),
            POLL_INTERVAL,
            clock=self._now,
            sleep=self._sleep,
        )
