"""Submit one action, wait for it, and claim a converted backup as a policy snapshot."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import Image, InvalidInputError
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.core.jobs.errors import BlockedTimeoutError, WaitFailedError
from airflow_provider_do_images.core.jobs.waiter import Waiter
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.snapshots.claim import (
    SnapshotClaim,
    apply_claim,
    rename_before_convert,
)
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH, monthly_cost
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.submitter import NOT_STARTED, IdempotentSubmitter
from airflow_provider_do_images.core.wait.spec import VERIFY_TIMEOUT, WaitSpec

if TYPE_CHECKING:  # loads requests; DAG parsing stays fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SubmitJob:
    """Submit one action and, by default, wait until it is verified.

    :param connect: returns the client; called again after a wait, because the token may have been
        replaced.
    :param waiter: how to wait.
    :param timeout: seconds until the wait times out.
    :param verify_timeout: seconds in which the image must show the effect of the action.
    :param wait_for_completion: whether to wait.
    :param claim: the policy snapshot that a converted backup becomes; then the job always waits.
    :param usd_per_gib_month: the price for the cost estimate of a claim.
    :param own: the transfers that this task has submitted before.
    :param report: receives each key and value that becomes known after the submit.
    """

    connect: Callable[[], ApiClient]
    request: ActionRequest
    waiter: Waiter
    timeout: float
    verify_timeout: float = VERIFY_TIMEOUT
    wait_for_completion: bool = True
    claim: SnapshotClaim | None = None
    usd_per_gib_month: float = USD_PER_GIB_MONTH
    own: OwnTransfers = field(default_factory=OwnTransfers)
    report: Callable[[str, Any], None] = lambda _key, _value: None
    image: Image | None = None
    """The image as last read."""

    def run(self, deadline: float | None = None) -> ActionResult:
        """Submit the action, wait for it, and return its row.

        :param deadline: when the job times out, in Unix seconds; by default ``timeout`` from now.
        :raises DigitalOceanError: if a request fails.
        :raises BlockedTimeoutError: if other transfers block the submit until the deadline.
        :raises WaitFailedError: if the action does not complete, or is not verified.
        """
        if self.claim:
            with self._context(NOT_STARTED):
                rename_before_convert(self.connect(), self.claim)
        result, deadline = self._submit(deadline)
        action_id = result.action.id if result.action else None
        log.info("%s: %s, action %s.", self.request, result.submission, action_id)
        self.report("image_id", self.request.image_id)
        self.report("action_id", action_id)
        self.report("region", self.request.region)
        self.report("submission", result.submission and result.submission.value)
        if result.is_pending and (self.wait_for_completion or self.claim):
            wait = WaitSpec.for_result(
                result,
                now=self.waiter.clock(),
                deadline=deadline,
                verify_timeout=self.verify_timeout,
            )
            [result] = self.waiter.wait_for_actions([result], [wait])
            return self.finish(result)
        return result if result.is_pending else self.finish(result)

    def finish(self, result: ActionResult) -> ActionResult:
        """Return the row of a successful action, after its claim was applied.

        A task that was deferred resumes here.

        :raises WaitFailedError: if the action did not complete, or was not verified.
        :raises DigitalOceanError: if the claim cannot be applied.
        """
        if result.wait_status is not WaitStatus.COMPLETED:
            raise WaitFailedError(result)
        claim = self.claim
        if claim is None:
            return result
        if claim.image_id != result.image_id:
            raise InvalidInputError(
                f"image {result.image_id} was converted, but the task's restore point has "
                f"changed to {claim}"
            )
        with self._context():
            image = apply_claim(
                self.connect(),
                claim,
                verify_timeout=self.verify_timeout,
                clock=self.waiter.clock,
                sleep=self.waiter.sleep,
            )
        cost = monthly_cost(image.size_gigabytes, self.usd_per_gib_month)
        log.info("%s is the policy snapshot %s. Cost estimate: %s.", claim, claim.name, cost)
        return result

    def _submit(self, deadline: float | None) -> tuple[ActionResult, float]:
        """Submit as soon as no transfer without a region may be the requested one."""
        while True:
            found = self._submit_once()
            now = self.waiter.clock()
            deadline = now + self.timeout if deadline is None else deadline
            if isinstance(found, ActionResult):
                return found, deadline
            if now >= deadline:
                raise BlockedTimeoutError(found)
            self.report("image_id", self.request.image_id)
            self.waiter.wait_for_blockers([found], [], deadline)

    def _submit_once(self) -> ActionResult | Blocked:
        with self._context(NOT_STARTED):
            submitter = IdempotentSubmitter(
                self.connect(),
                self.request,
                own=self.own,
                clock=self.waiter.clock,
                sleep=self.waiter.sleep,
            )
            try:
                found = submitter.submit()
            finally:
                self.image = submitter.image
        if isinstance(found, Blocked) or self.claim is None:
            return found
        name = self.claim.name
        return replace(found, droplet_id=name.droplet_id, droplet_name=self.claim.droplet_name)

    def _context(self, state: str = "") -> AbstractContextManager[None]:
        droplet = self.claim.droplet if self.claim else ""
        return error_context(
            image_id=self.request.image_id,
            region=self.request.region,
            droplet=droplet,
            state=state,
        )
