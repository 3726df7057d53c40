"""Copying one image to a set of regions: what is missing is submitted, each region on its own.

One look serves all regions, and the account's list of regions is read before the first POST. What a
region's submit meets ends that region alone, unless it concerns all: a token that is refused, or no
connection. Then nothing more is sent; a retry looks again and joins what has begun.

A transfer that does not tell its region and was not submitted by this task may be any of the
missing ones. It blocks their submits until it has ended.
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
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import REFUSED, SUBMIT_FAILED, ImageRef
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked, Submission, decide
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter, ImageState

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

IMAGE_STATE_TTL = 15.0
"""Seconds for which one look serves further regions. After a submit that had to wait, somebody else
may have begun the next region's transfer meanwhile."""


def missing_regions(
    image: Image, actions: Iterable[ImageAction], regions: Iterable[str]
) -> tuple[str, ...]:
    """Return the regions where the image neither is nor is known to be on the way to."""
    history = tuple(actions)
    return tuple(
        region
        for region in regions
        if not isinstance(decide(ActionRequest(image.id, region), image, history), Submission)
    )


class SubmittedCopies(NamedTuple):
    """What came of the submits.

    :param image: the image as it was before them.
    :param rows: a row for each region that is not blocked. Without an ``end`` it has an action to
        wait for.
    :param blocked: a reason for each region that could not be submitted yet.
    """

    image: Image
    rows: list[ActionResult]
    blocked: list[Blocked]


class Replicator:
    """The loop: one look, then the submits.

    :param client: sends.
    :param row: the image.
    :param own: the transfers that this task has submitted before.
    :param clock: the time, in Unix seconds.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        row: ImageRef,
        *,
        own: OwnTransfers | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._row = row
        self._own = own or OwnTransfers()
        self._clock = clock
        self._sleep = sleep
        self.image: Image | None = None
        """The image as it was seen last."""

    def submit(self, regions: Sequence[str]) -> SubmittedCopies:
        """Submit what is missing, and return what came of each region.

        :raises InvalidInputError: for a backup and for unknown regions, before anything is posted.
        :raises DigitalOceanError: if the looks fail, or a submit does in a way that concerns all.
        """
        look, looked_at = self._look()
        image = look.image
        if image.type == "backup":
            raise InvalidInputError(
                f"{self._row} is a backup, which cannot be copied to other regions and expires: "
                f"convert it first (DigitalOceanConvertImageOperator)"
            )
        self._check_known(missing_regions(image, self._own.label(look.actions), regions))
        rows: list[ActionResult] = []
        blocked: list[Blocked] = []
        for region in regions:
            if self._clock() > looked_at + IMAGE_STATE_TTL:
                look, looked_at = self._look()
            found = self._submit_to(region, look, rows)
            if isinstance(found, Blocked):
                blocked.append(found)
                continue
            rows.append(found)
            log.info("%s: %s", region, _told(found))
        return SubmittedCopies(image, rows, blocked)

    def _look(self) -> tuple[ImageState, float]:
        look = ImageState.at(self._client, self._row.image_id)
        self.image = look.image
        return look, self._clock()

    def _check_known(self, regions: Sequence[str]) -> None:
        if not regions:
            return
        try:
            known = {region.slug for region in self._client.list_regions()}
        except PermissionDeniedError as error:
            log.info("The regions are left for the API to judge. %s", error)
            return
        if unknown := [region for region in regions if region not in known]:
            raise InvalidInputError(
                f"regions unknown to this account: {', '.join(unknown)}; it knows "
                f"{', '.join(sorted(known))}. Nothing was submitted."
            )

    def _submit_to(
        self, region: str, look: ImageState, begun: Sequence[ActionResult]
    ) -> ActionResult | Blocked:
        request = ActionRequest(self._row.image_id, region)
        submitter = IdempotentSubmitter(
            self._client,
            request,
            first_state=look,
            own=self._own,
            begun=[row.action for row in begun if row.action],
            clock=self._clock,
            sleep=self._sleep,
        )
        try:
            found = submitter.submit()
            if isinstance(found, Blocked):
                return found
            row = found.to_result()
        except (AuthenticationError, NotSentError) as error:
            if running := [f"{row.region} (action {_id(row)})" for row in begun if not row.end]:
                others = f"Transfers to {', '.join(running)} go on at DigitalOcean."
                error.state = f"{others} {error.state}"
            raise
        except DigitalOceanError as error:
            final = isinstance(error, PERMANENT_ERRORS)
            end = REFUSED if final else SUBMIT_FAILED
            row = ActionResult(
                request.image_id, region=region, outcome=REFUSED, end=end, error=str(error)
            )
        return replace(row, droplet_id=self._row.droplet_id, droplet_name=self._row.droplet_name)


def _id(row: ActionResult) -> int | None:
    return row.action.id if row.action else None


def _told(row: ActionResult) -> str:
    if row.error:
        return f"{row.end}. {row.error}"
    return f"{row.outcome}, action {_id(row)}." if row.action else f"{row.outcome}."
