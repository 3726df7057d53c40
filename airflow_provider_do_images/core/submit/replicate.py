"""Submit transfers of one image to a set of regions, each region independently.

One read of the image and its actions serves all regions. The account's list of regions is read
before the first POST. A failure ends the submit of its region only, unless it concerns all of them:
a rejected token or no connection. Then nothing more is sent, and a retry attaches to the transfers
that were submitted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_do_images.api import (
    AuthenticationError,
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidInputError,
    NotSentError,
    PermissionDeniedError,
)
from airflow_provider_do_images.api.errors import PERMANENT_ERRORS
from airflow_provider_do_images.core.results import ActionResult, Submission
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked, decide
from airflow_provider_do_images.core.submit.image_ref import ImageRef
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter, ImageState

if TYPE_CHECKING:  # loads requests; DAG parsing stays fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

IMAGE_STATE_TTL = 15.0
"""Seconds for which one read of the image serves further regions. Another client may submit a
transfer while a submit of this task waits."""


def missing_regions(
    image: Image, actions: Iterable[ImageAction], regions: Iterable[str]
) -> tuple[str, ...]:
    """Return the regions without a copy and without a known transfer to them."""
    history = tuple(actions)
    return tuple(
        region
        for region in regions
        if not isinstance(decide(ActionRequest(image.id, region), image, history), ActionResult)
    )


class SubmittedCopies(NamedTuple):
    """The result of the submits.

    :param image: the image as it was before them.
    :param rows: a row for each region that is not blocked.
    :param blocked: the reason for each region that could not be submitted yet.
    """

    image: Image
    rows: list[ActionResult]
    blocked: list[Blocked]


class Replicator:
    """Submit the missing transfers of one image.

    :param client: sends the requests.
    :param source: the image.
    :param own: the transfers that this task has submitted before.
    :param clock: returns the time, in Unix seconds.
    :param sleep: sleeps for a number of seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        source: ImageRef,
        *,
        own: OwnTransfers | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._source = source
        self._own = own or OwnTransfers()
        self._clock = clock
        self._sleep = sleep
        self.image: Image | None = None
        """The image as last read."""

    def submit(self, regions: Sequence[str]) -> SubmittedCopies:
        """Submit the missing transfers.

        :raises InvalidInputError: for a backup and for unknown regions, before any POST.
        :raises DigitalOceanError: if a read fails, or a submit fails in a way that concerns all
            regions.
        """
        state, read_at = self._read()
        image = state.image
        if image.type == "backup":
            raise InvalidInputError(
                f"{self._source} is a backup, which cannot be transferred and expires; convert it "
                f"to a snapshot first"
            )
        self._check_known(missing_regions(image, self._own.label(state.actions), regions))
        rows: list[ActionResult] = []
        blocked: list[Blocked] = []
        for region in regions:
            if self._clock() > read_at + IMAGE_STATE_TTL:
                state, read_at = self._read()
            found = self._submit_to(region, state, rows)
            if isinstance(found, Blocked):
                blocked.append(found)
                continue
            rows.append(found)
            log.info("%s: %s", region, _describe(found))
        return SubmittedCopies(image, rows, blocked)

    def _read(self) -> tuple[ImageState, float]:
        state = ImageState.fetch(self._client, self._source.image_id)
        self.image = state.image
        return state, self._clock()

    def _check_known(self, regions: Sequence[str]) -> None:
        if not regions:
            return
        try:
            known = {region.slug for region in self._client.list_regions()}
        except PermissionDeniedError as error:
            log.info("Skipping the check of the regions before the submit: %s", error)
            return
        if unknown := [region for region in regions if region not in known]:
            raise InvalidInputError(
                f"regions not available to this account: {', '.join(unknown)}; available are "
                f"{', '.join(sorted(known))}. Nothing was submitted."
            )

    def _submit_to(
        self, region: str, state: ImageState, begun: Sequence[ActionResult]
    ) -> ActionResult | Blocked:
        request = ActionRequest(self._source.image_id, region)
        submitter = IdempotentSubmitter(
            self._client,
            request,
            state=state,
            own=self._own,
            begun=[row.action for row in begun if row.action],
            clock=self._clock,
            sleep=self._sleep,
        )
        try:
            found = submitter.submit()
        except (AuthenticationError, NotSentError) as error:
            if running := [f"{row.region} (action {_id(row)})" for row in begun if row.is_pending]:
                others = f"Transfers to {', '.join(running)} continue at DigitalOcean."
                raise error.with_facts(state=f"{others} {error.state}") from error
            raise
        except DigitalOceanError as error:
            permanent = isinstance(error, PERMANENT_ERRORS)
            submission = Submission.REJECTED if permanent else Submission.SUBMIT_FAILED
            found = replace(request.to_result(submission), error=str(error))
        if isinstance(found, Blocked):
            return found
        return replace(
            found, droplet_id=self._source.droplet_id, droplet_name=self._source.droplet_name
        )


def _id(row: ActionResult) -> int | None:
    return row.action.id if row.action else None


def _describe(row: ActionResult) -> str:
    if row.error:
        return f"{row.submission}. {row.error}"
    return f"{row.submission}, action {_id(row)}." if row.action else f"{row.submission}."
