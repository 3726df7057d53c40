"""How the replicate operator submits its transfers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Context

from airflow_provider_do_images._airflow.failures import (
    as_airflow_exceptions,
    seconds_until_given_up,
    telling_last_copy,
)
from airflow_provider_do_images._airflow.task_state import own_transfers
from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import check_flag, check_regions
from airflow_provider_do_images.core.messages import (
    STARTED_NOTHING,
    SUBMITS,
    droplet,
    sentence,
)
from airflow_provider_do_images.core.results import Result
from airflow_provider_do_images.core.submit.copies import (
    NOT_SUBMITTED,
    REFUSED,
    ImageRow,
    source_copy,
)
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.replicate import Replicator, Submitted
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.operators.blocked import BlockableOperator


@dataclass(slots=True)
class Copies:
    """The copies that a task is to make, and what it has begun so far.

    :param own: the transfers that this task has submitted.
    :param rows: by region; a region without a row is not submitted yet.
    """

    hook: DigitalOceanHook
    wanted: ImageRow
    regions: Sequence[str]
    own: OwnTransfers
    rows: dict[str, Result]

    @property
    def missing(self) -> list[str]:
        """The regions that are not submitted yet."""
        return [region for region in self.regions if region not in self.rows]

    @property
    def in_order(self) -> list[Result]:
        """The rows in the order of the regions."""
        return [self.rows[region] for region in self.regions]

    def add(self, rows: Iterable[Result]) -> None:
        """Add the rows of regions."""
        self.rows |= {str(row.region): row for row in rows}


class SubmitCopiesOperator(BlockableOperator):
    """Base of the replicate operator: submit what is missing in a set of regions."""

    image: Any
    image_id: Any
    regions: Any
    allow_partial: Any

    def _prepare(self, context: Context, begun: Sequence[Result] = ()) -> Copies:
        """Check what was given, before anything is sent.

        :param begun: what a task that was blocked has begun already.
        """
        with as_airflow_exceptions(SUBMITS, STARTED_NOTHING):
            self._check_settings()
            check_flag("allow_partial", self.allow_partial)
            hook = DigitalOceanHook(self.digitalocean_conn_id, patience=self.poll_interval)
            wanted = ImageRow.checked(self.image, self.image_id)
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
        limit = seconds_until_given_up(self.timeout, self.deferrable and self.execution_timeout)
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

    def _submit(self, copies: Copies) -> Submitted:
        wanted, regions = copies.wanted, ", ".join(copies.missing)
        context = error_context(
            image_id=wanted.image_id,
            droplet=droplet(wanted.droplet_name, wanted.droplet_id),
            region=regions,
        )
        with as_airflow_exceptions(SUBMITS, STARTED_NOTHING), context:
            self.log.info("::group::Copies of %s in %s", wanted, regions)
            try:
                replicator = Replicator(copies.hook.get_conn(), wanted, own=copies.own)
                with telling_last_copy(
                    lambda: source_copy(str(wanted), replicator.image, time.time())
                ):
                    return replicator.submit(copies.missing)
            finally:
                self.log.info("::endgroup::")


def _not_submitted(wanted: ImageRow, blocked: Blocked) -> Result:
    """Return the row of a region whose submit was blocked until the task timed out."""
    return Result(
        wanted.image_id,
        droplet_id=wanted.droplet_id,
        droplet_name=wanted.droplet_name,
        region=blocked.request.region,
        outcome=REFUSED,
        end=NOT_SUBMITTED,
        error=sentence(f"timed out: {blocked}"),
    )
