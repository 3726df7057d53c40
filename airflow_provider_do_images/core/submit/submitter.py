"""Submit an image action, idempotently: the I/O loop around the decisions of :mod:`.decide`.

The API has no idempotency key, so the image's action list is the state. It is read before the POST,
so that a retried, cleared or lost task attaches to the action it submitted. It is read after a POST
without a clear response, because the action may have been created. Actions are compared by id,
never by time.

One race remains. Two submits that both read the list before either has sent its POST both send it:
the API can neither refuse the second nor distinguish them. Each gets an action of its own, so there
is at most one extra action per such submit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_do_images.api import (
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidResponseError,
    UnknownStatusError,
    UnprocessableError,
)
from airflow_provider_do_images.api.errors import may_have_taken_effect
from airflow_provider_do_images.core.results import ActionResult, Submission
from airflow_provider_do_images.core.submit.decide import (
    ActionRequest,
    Blocked,
    Decision,
    decide,
    find_created_action,
    find_errored,
    find_unknown_status_error,
    find_unverified_transfer,
)
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers

if TYPE_CHECKING:  # loads requests; DAG parsing stays fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

RECONCILE_TIMEOUT = 60.0
"""Seconds for which the action list is read after a POST without a clear response, before the POST
is sent again; also the wait for an action that may be the requested one to become known."""

RECONCILE_INTERVAL = 5.0
"""Seconds between two of these reads."""

MAX_SUBMIT_ATTEMPTS = 3
"""How often a POST without a clear response is sent before the submit fails."""

NOT_STARTED = "This request started no action; actions that were started earlier continue."
"""The state after a failure before the POST."""

MAY_HAVE_STARTED = (
    "The action may have been started; a retry checks for it before it submits again."
)
"""The state after a failure of the POST."""

Outcome = ActionResult | Blocked | Decision


@dataclass(frozen=True, slots=True)
class ImageState:
    """An image and its actions, read at one moment."""

    image: Image
    actions: tuple[ImageAction, ...]
    unread: tuple[InvalidResponseError, ...] = ()
    """Why other actions in the list could not be read."""

    @classmethod
    def fetch(cls, client: ApiClient, image_id: int) -> ImageState:
        """Read both: two requests."""
        image = client.get_image(image_id)
        unread: list[InvalidResponseError] = []
        actions = tuple(client.list_image_actions(image_id, unread))
        return cls(image, actions, tuple(unread))


class IdempotentSubmitter:
    """Submit one action unless a matching one exists.

    :param client: sends the requests; it resends a POST only if it had no effect.
    :param state: the image as just read, to save two requests.
    :param own: the transfers that this task has submitted before.
    :param begun: actions that this task has submitted since ``state`` was read.
    :param clock: returns the time, in Unix seconds.
    :param sleep: sleeps for a number of seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        request: ActionRequest,
        *,
        state: ImageState | None = None,
        own: OwnTransfers | None = None,
        begun: Iterable[ImageAction] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._request = request
        self._state = state
        self._own = own or OwnTransfers()
        self._begun = tuple(begun)
        self._clock = clock
        self._sleep = sleep
        self.image: Image | None = None
        """The image as last read."""
        self._seen: frozenset[int] = frozenset()
        self._doubt: DigitalOceanError | None = None
        self._posted = False
        self._read_failed = False

    def submit(self) -> ActionResult | Blocked:
        """Read the image and its actions, then attach to one or send one POST.

        If the result is :class:`Blocked`, nothing was sent: call again when the blocking transfers
        have ended.

        :raises DigitalOceanError: if the API refuses, or it stays unknown whether an action exists.
        """
        try:
            return self._submit()
        except DigitalOceanError as error:
            region = error.region or self._request.region
            state = MAY_HAVE_STARTED if self._posted else NOT_STARTED
            raise error.with_facts(region=region, state=state) from error

    def _submit(self) -> ActionResult | Blocked:
        found = self._decide_until_known()
        posts = 0
        while found is Decision.SUBMIT:
            posts += 1
            found = self._post(last=posts == MAX_SUBMIT_ATTEMPTS)
        if isinstance(found, ActionResult | Blocked):
            return found
        raise self._doubt or AssertionError(found)

    def _decide_until_known(self) -> Outcome:
        return self._repeat(self._decide, {Decision.RECHECK}, self._log_recheck)

    def _decide(self) -> Outcome:
        state = self._state or ImageState.fetch(self._client, self._request.image_id)
        self._state = None
        self.image = state.image
        listed = {action.id: action for action in (*self._begun, *state.actions)}
        actions = self._own.label(listed.values())
        self._seen = frozenset(listed)
        found = decide(self._request, state.image, actions)
        self._doubt = self._find_doubt(state, actions) if found is Decision.SUBMIT else None
        if self._doubt:
            return Decision.RECHECK
        if found is Decision.SUBMIT and (errored := find_errored(self._request, actions)):
            log.info("Action %s errored; submitting the %s again.", errored.id, self._request)
        return found

    def _find_doubt(
        self, state: ImageState, actions: Iterable[ImageAction]
    ) -> DigitalOceanError | None:
        """Return the reason why a POST may duplicate an action, if there is one."""
        others = self._own.to_other_regions(self._request.region)
        if unknown := find_unknown_status_error(self._request, state.unread, others):
            advice = f"It may be the {self._request}, so nothing was submitted. {unknown.advice}"
            return unknown.with_facts(advice=advice)
        hidden = find_unverified_transfer(self._request, state.image, actions, self._clock())
        if hidden is None:
            return None
        return DigitalOceanError(
            f"a completed transfer without a region is not visible in the image yet and may be the "
            f"{self._request}; nothing was submitted",
            request_id=hidden.request_id,
            code="transfer_not_shown",
        ).with_facts(action_id=hidden.id)

    def _post(self, *, last: bool) -> Outcome:
        image_id, region = self._request.image_id, self._request.region
        try:
            if region:
                action = self._client.transfer_image(image_id, region)
                self._own.add(action.id, region)
            else:
                action = self._client.convert_image(image_id)
        except UnprocessableError:
            # Another client may have submitted it first.
            if isinstance(found := self._decide(), ActionResult | Blocked):
                return found
            raise
        except UnknownStatusError:
            self._posted = True  # the response says that an action exists
            raise
        except DigitalOceanError as error:
            if not may_have_taken_effect(error):
                raise
            self._posted = True
            found = self._reconcile(error)
            if found is Decision.RECHECK or (last and found is Decision.SUBMIT):
                raise
            return found
        return self._request.to_result(Submission.SUBMITTED, action)

    def _reconcile(self, error: DigitalOceanError) -> Outcome:
        """Find the action that a POST without a clear response created."""
        log.warning(
            "No clear response to the POST. Checking the actions every %g s, up to %g s: %s",
            RECONCILE_INTERVAL,
            RECONCILE_TIMEOUT,
            error,
        )
        found = self._repeat(self._find_created, {Decision.RECHECK, Decision.SUBMIT})
        if found is Decision.DECIDE_AGAIN:
            return self._decide_until_known()
        if isinstance(found, ActionResult) and found.action and self._request.region:
            self._own.assume(found.action.id, self._request.region)
        return found

    def _find_created(self) -> Outcome:
        unread: list[InvalidResponseError] = []
        try:
            listed = self._client.list_image_actions(self._request.image_id, unread)
            actions = self._own.label(listed)
        except DigitalOceanError as error:
            if not self._read_failed:
                log.warning(
                    "Reconciliation read failed; further failures are not logged: %s", error
                )
            self._read_failed = True
            return Decision.RECHECK
        self._read_failed = False
        found = find_created_action(self._request, actions, self._seen)
        unknown = find_unknown_status_error(self._request, unread, self._seen)
        return Decision.RECHECK if found is Decision.SUBMIT and unknown else found

    def _log_recheck(self) -> None:
        log.info(
            "Submit delayed: %s. Reading the image and its actions every %g s, up to %g s.",
            self._doubt.message if self._doubt else "",
            RECONCILE_INTERVAL,
            RECONCILE_TIMEOUT,
        )

    def _repeat(
        self,
        read: Callable[[], Outcome],
        unsettled: set[Decision],
        before_sleep: Callable[[], None] | None = None,
    ) -> Outcome:
        """Read until there is another decision, at most for the reconcile timeout.

        :param before_sleep: called before the first pause, if there is one.
        """
        end = self._clock() + RECONCILE_TIMEOUT
        while (found := read()) in unsettled and self._clock() < end:
            if before_sleep:
                before_sleep()
                before_sleep = None
            self._sleep(RECONCILE_INTERVAL)
        return found
