"""How the replicate operator submits its transfers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Context

from airflow_provider_do_images._airflow.failures import (
    adding_last_copy,
    airflow_exceptions,
    effective_timeout,
)
from airflow_provider_do_images._airflow.task_state import own_transfers
from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import check_flag, check_regions
from airflow_provider_do_images.core.messages import (
    CLEARING_SUBMITS,
    STARTED_NOTHING,
    as_sentence,
    droplet_text,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import (
    REFUSED,
    SUBMIT_FAILED,
    ImageRef,
    source_copy,
)
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.replicate import Replicator, SubmittedCopies
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.operators.blocked import BlockableOperator


@dataclass(slots=True)
class Copies:
    """The copies that a task is to make, and what it has begun so far.

    :param own: the transfers that this task has submitted.
    :param rows: by region; a region without a row is not submitted yet.
    """

    hook: DigitalOceanHook
    wanted: ImageRef
    regions: Sequence[str]
    own: OwnTransfers
    rows: dict[str, ActionResult]

    @property
    def missing(self) -> list[str]:
        """The regions that are not submitted yet."""
        return [region for region in self.regions if region not in self.rows]

    @property
    def in_order(self) -> list[ActionResult]:
        """The rows in the order of the regions."""
        return [self.rows[region] for region in self.regions]

    def add(self, rows: Iterable[ActionResult]) -> None:
        """Add the rows of regions."""
        self.rows |= {str(row.region): row for row in rows}


class SubmitCopiesOperator(BlockableOperator):
    """Base of the replicate operator: submit what is missing in a set of regions."""

    image: Any
    image_id: Any
    regions: Any
    allow_partial: Any

    def _prepare(self, context: Context, begun: Sequence[ActionResult] = ()) -> Copies:
        """Check what was given, before anything is sent.

        :param begun: what a task that was blocked has begun already.
        """
        with airflow_exceptions(CLEARING_SUBMITS, STARTED_NOTHING):
            self._check_settings()
            check_flag("allow_partial", self.allow_partial)
            hook = DigitalOceanHook(
                self.digitalocean_conn_id, max_rate_limit_wait=self.poll_interval
            )
            wanted = ImageRef.checked(self.image, self.image_id)
            regions = check_regions(self.regions, least=1)
        own = own_transfers(context)
        for row in begun:
            if row.action:
                own.assume(row.action.id, str(row.region))
        copies = Copies(hook, wanted, regions, own, {})
        copies.add(begun)
        return copies

    def _submit_all(
        self, context: Context, copies: Copies, deadline: float | None
    ) -> tuple[Image, float]:
        """Submit what is missing as soon as no transfer without a region may be one of them.

        Returns the image as it was before, and the deadline of the waits.
        """
        limit = effective_timeout(self.timeout, self.deferrable and self.execution_timeout)
        while True:
            image, rows, blocked = self._submit(copies)
            copies.add(rows)
            now = time.time()
            deadline = now + limit if deadline is None else deadline
            if not blocked or now >= deadline:
                copies.add(_not_submitted(copies.wanted, one) for one in blocked)
                return image, deadline
            begun = list(copies.rows.values())
            self._wait_for_blockers(context, copies.hook, blocked, deadline, begun)

    def _submit(self, copies: Copies) -> SubmittedCopies:
        wanted, regions = copies.wanted, ", ".join(copies.missing)
        context = error_context(
            image_id=wanted.image_id,
            droplet=droplet_text(wanted.droplet_name, wanted.droplet_id),
            region=regions,
        )
        with airflow_exceptions(CLEARING_SUBMITS, STARTED_NOTHING), context:
            self.log.info("::group::Copies of %s in %s", wanted, regions)
            try:
                replicator = Replicator(copies.hook.get_conn(), wanted, own=copies.own)
                with adding_last_copy(
                    lambda: source_copy(str(wanted), replicator.image, time.time())
                ):
                    return replicator.submit(copies.missing)
            finally:
                self.log.info("::endgroup::")


def _not_submitted(wanted: ImageRef, blocked: Blocked) -> ActionResult:
    """Return the row of a region whose submit was blocked until the task timed out."""
    return ActionResult(
        wanted.image_id,
        droplet_id=wanted.droplet_id,
        droplet_name=wanted.droplet_name,
        region=blocked.request.region,
        outcome=REFUSED,
        end=SUBMIT_FAILED,
        error=as_sentence(f"timed out: {blocked}"),
    )
