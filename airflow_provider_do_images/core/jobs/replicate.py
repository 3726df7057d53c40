"""Copy one image to a set of regions and verify the copies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.core.jobs.waiter import Waiter
from airflow_provider_do_images.core.messages import as_sentence
from airflow_provider_do_images.core.results import ActionResult, Submission
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.submit.image_ref import ImageRef
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.replicate import Replicator, SubmittedCopies
from airflow_provider_do_images.core.submit.submitter import NOT_STARTED
from airflow_provider_do_images.core.wait.spec import VERIFY_TIMEOUT, WaitSpec
from airflow_provider_do_images.core.wait.typical_durations import read_typical_durations

if TYPE_CHECKING:  # loads requests; DAG parsing stays fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReplicateJob:
    """Submit the missing transfers of an image, and wait until each copy is verified.

    :param connect: returns the client.
    :param source: the image to copy.
    :param regions: slugs of the target regions.
    :param waiter: how to wait.
    :param timeout: seconds until the waits time out.
    :param verify_timeout: seconds in which the image must list a region after its transfer.
    :param own: the transfers that this task has submitted before.
    :param report: receives each key and value that becomes known after the submits.
    """

    connect: Callable[[], ApiClient]
    source: ImageRef
    regions: Sequence[str]
    waiter: Waiter
    timeout: float
    verify_timeout: float = VERIFY_TIMEOUT
    own: OwnTransfers = field(default_factory=OwnTransfers)
    report: Callable[[str, Any], None] = lambda _key, _value: None
    image: Image | None = None
    """The image as last read."""

    def run(
        self, submitted: Iterable[ActionResult] = (), deadline: float | None = None
    ) -> list[ActionResult]:
        """Submit the missing transfers, wait for all, and return a row for each region.

        :param submitted: the rows that a blocked task has submitted already.
        :param deadline: when the job times out, in Unix seconds; by default ``timeout`` from now.
        :raises DigitalOceanError: if a request fails that concerns all regions.
        """
        rows, deadline = self._submit(submitted, deadline)
        self.report("image_id", self.source.image_id)
        ids = {row.region: row.action.id if row.action else None for row in rows}
        self.report("action_ids", ids)
        pending = [row for row in rows if row.is_pending]
        if not pending:
            return rows
        typical = self._read_typical_seconds(pending)
        now = self.waiter.clock()
        waits = [
            WaitSpec.for_result(
                row,
                now=now,
                deadline=deadline,
                verify_timeout=self.verify_timeout,
                typical_seconds=typical.get(str(row.region)),
            )
            for row in pending
        ]
        return self.waiter.wait_for_actions(rows, waits)

    def _submit(
        self, submitted: Iterable[ActionResult], deadline: float | None
    ) -> tuple[list[ActionResult], float]:
        """Submit each transfer as soon as no transfer without a region may be the same one."""
        rows = {str(row.region): row for row in submitted}
        for row in rows.values():
            if row.action:
                self.own.assume(row.action.id, str(row.region))
        while True:
            missing = [region for region in self.regions if region not in rows]
            _, new, blocked = self._submit_once(missing)
            rows |= {str(row.region): row for row in new}
            now = self.waiter.clock()
            deadline = now + self.timeout if deadline is None else deadline
            if not blocked or now >= deadline:
                rows |= {str(one.request.region): self._timed_out(one) for one in blocked}
                return [rows[region] for region in self.regions], deadline
            self.report("image_id", self.source.image_id)
            self.waiter.wait_for_blockers(blocked, list(rows.values()), deadline)

    def _submit_once(self, regions: Sequence[str]) -> SubmittedCopies:
        context = error_context(
            image_id=self.source.image_id,
            droplet=self.source.droplet,
            region=", ".join(regions),
            state=NOT_STARTED,
        )
        with context:
            replicator = Replicator(
                self.connect(),
                self.source,
                own=self.own,
                clock=self.waiter.clock,
                sleep=self.waiter.sleep,
            )
            try:
                return replicator.submit(regions)
            finally:
                self.image = replicator.image

    def _timed_out(self, blocked: Blocked) -> ActionResult:
        """Return the row of a region whose submit was blocked until the deadline."""
        return replace(
            blocked.request.to_result(Submission.SUBMIT_FAILED),
            droplet_id=self.source.droplet_id,
            droplet_name=self.source.droplet_name,
            error=as_sentence(f"timed out before the submit: {blocked}"),
        )

    def _read_typical_seconds(self, pending: Sequence[ActionResult]) -> dict[str, float | None]:
        """Return the typical duration of a transfer to each region, for the log."""
        if self.image is None:
            return {}
        regions = [str(row.region) for row in pending]
        found = read_typical_durations(self.connect(), self.image, regions)
        for region, typical in found.items():
            if typical:
                size = f"about {self.image.size_gigabytes:g} GiB"
                log.info("Recent copies of %s to %s took %s.", size, region, typical)
        seconds = {region: typical.median if typical else None for region, typical in found.items()}
        self.report("expected_seconds", seconds)
        return seconds
