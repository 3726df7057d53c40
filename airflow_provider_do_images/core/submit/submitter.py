"""Submitting an action so that it cannot happen twice: the loop around the decisions.

The API has no idempotency key, so the image's own list of actions is the memory: it is read before
the POST (a retried, cleared or lost task finds what it started) and after a POST without a clear
answer (the action may have started all the same). Actions are compared by id, never by time.

One window is left. Two submits that both read the list before either has posted both post: the API
can neither refuse the second nor tell them apart. Both end with an action of their own, so at most
one action too many arises for each such submit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_do_images.api import (
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidResponseError,
    NotFoundError,
    UnknownStatusError,
    UnprocessableError,
)
from airflow_provider_do_images.api.errors import may_have_taken_effect
from airflow_provider_do_images.core.messages import STARTED_NOTHING
from airflow_provider_do_images.core.submit.decide import (
    ActionRequest,
    Blocked,
    Decision,
    Submission,
    SubmitOutcome,
    decide,
    find_created_action,
    find_errored,
    find_unknown_status_error,
    find_unverified_transfer,
)
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

RECONCILE_TIMEOUT = 60.0
"""How long the list of actions is asked for what an unanswered POST may have started, before the
POST is sent again; also how long an action is waited for of which it is not known what it is."""

RECONCILE_INTERVAL = 5.0
"""Seconds between two of these looks."""

MAX_SUBMIT_ATTEMPTS = 3
"""How often a POST without a clear answer is sent before the task fails."""

_MAY_HAVE_STARTED = (
    "Whether an action was started, and still runs, is not known; a new try looks for it."
)


@dataclass(frozen=True, slots=True)
class ImageState:
    """What an image and its actions showed at one moment."""

    image: Image
    actions: tuple[ImageAction, ...]
    unread: tuple[InvalidResponseError, ...] = ()
    """Why other actions could not be read."""

    @classmethod
    def at(cls, client: ApiClient, image_id: int) -> ImageState:
        """Look now: two GETs."""
        image = client.get_image(image_id)
        unread: list[InvalidResponseError] = []
        actions = tuple(client.list_image_actions(image_id, unread))
        return cls(image, actions, tuple(unread))


class IdempotentSubmitter:
    """The loop around the decisions, for one request.

    :param client: sends; it repeats a GET by its own rules, and a POST only if it had no effect.
    :param first_state: what the image has just shown, if somebody has looked already.
    :param own: the transfers that this task has submitted before.
    :param begun: actions that this execution has begun since that look.
    :param clock: the time, in Unix seconds.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        request: ActionRequest,
        *,
        first_state: ImageState | None = None,
        own: OwnTransfers | None = None,
        begun: Iterable[ImageAction] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.request = request
        self._first_look = first_state
        self._own = own or OwnTransfers()
        self._begun = tuple(begun)
        self._clock = clock
        self._sleep = sleep
        self.image: Image | None = None
        """The image as it was seen last."""
        self._seen: frozenset[int] = frozenset()
        self._doubt: DigitalOceanError | None = None
        self._posted = False
        self._look_failed = False

    def submit(self) -> Submission | Blocked:
        """Look, then join what runs or post once, and say which.

        Nothing was posted if it is blocked; call again when the blocking transfers have ended.

        :raises DigitalOceanError: if the API refuses, or it stays unknown whether an action runs.
        """
        try:
            return self._submit()
        except DigitalOceanError as error:
            error.region = error.region or self.request.region
            error.state = _MAY_HAVE_STARTED if self._posted else STARTED_NOTHING
            if isinstance(error, NotFoundError) and self.request.type == "convert":
                error.advice = (
                    "The backup has expired or was removed: clear the task that chose it, so that "
                    "it chooses again."
                )
            raise

    def _submit(self) -> Submission | Blocked:
        found = self._look_until_known()
        posts = 0
        while found is Decision.POST:
            posts += 1
            found = self._post(last=posts == MAX_SUBMIT_ATTEMPTS)
        if isinstance(found, Submission | Blocked):
            return found
        raise self._doubt or AssertionError(found)

    def _look_until_known(self) -> Submission | Blocked | Decision:
        return self._repeat(self._look, {Decision.LOOK_AGAIN}, self._tell_that_it_looks_again)

    def _look(self) -> Submission | Blocked | Decision:
        look = self._first_look or ImageState.at(self.client, self.request.image_id)
        self._first_look = None
        self.image = look.image
        listed = {action.id: action for action in (*self._begun, *look.actions)}
        actions = self._own.label(listed.values())
        self._seen = frozenset(listed)
        found = decide(self.request, look.image, actions)
        self._doubt = self._find_doubt(look, actions) if found is Decision.POST else None
        if self._doubt:
            return Decision.LOOK_AGAIN
        if found is Decision.POST and (errored := find_errored(self.request, actions)):
            log.info("Action %s errored before; the %s is tried anew.", errored.id, self.request)
        return found

    def _find_doubt(
        self, look: ImageState, actions: Iterable[ImageAction]
    ) -> DigitalOceanError | None:
        """Return an error that says why a POST may double an action, if it may."""
        others = self._own.to_other_regions(self.request.region)
        if unknown := find_unknown_status_error(self.request, look.unread, others):
            doubt = copy(unknown)  # a look may serve several requests
            doubt.advice = f"It may be the {self.request}, so nothing was posted. {doubt.advice}"
            return doubt
        unshown = find_unverified_transfer(self.request, look.image, actions, self._clock())
        if unshown is None:
            return None
        error = DigitalOceanError(
            f"the image does not show yet what its completed transfer without a region did, which "
            f"may be the {self.request}; nothing was posted",
            request_id=unshown.request_id,
            code="transfer_not_shown",
        )
        error.action_id = unshown.id
        return error

    def _post(self, *, last: bool) -> Submission | Blocked | Decision:
        image_id, region = self.request.image_id, self.request.region
        try:
            if region:
                action = self.client.transfer_image(image_id, region)
                self._own.add(action.id, region)
            else:
                action = self.client.convert_image(image_id)
        except UnprocessableError:
            # Somebody may have been faster.
            if isinstance(found := self._look(), Submission | Blocked):
                return found
            raise
        except UnknownStatusError:
            self._posted = True  # it answers clearly that there is an action
            raise
        except DigitalOceanError as error:
            if not may_have_taken_effect(error):
                raise
            self._posted = True
            found = self._reconcile(error)
            if found is Decision.LOOK_AGAIN or (last and found is Decision.POST):
                raise
            return found
        return Submission(SubmitOutcome.POSTED, self.request, action)

    def _reconcile(self, error: DigitalOceanError) -> Submission | Blocked | Decision:
        """Look for what a POST without a clear answer started."""
        log.warning(
            "The POST got no clear answer; looking every %g s, for %g s at most, for what it "
            "started. %s",
            RECONCILE_INTERVAL,
            RECONCILE_TIMEOUT,
            error,
        )
        found = self._repeat(self._look_for_new, {Decision.LOOK_AGAIN, Decision.POST})
        if found is Decision.DECIDE_AGAIN:
            return self._look_until_known()
        if isinstance(found, Submission) and found.action and self.request.region:
            self._own.assume(found.action.id, self.request.region)
        return found

    def _look_for_new(self) -> Submission | Blocked | Decision:
        unread: list[InvalidResponseError] = []
        try:
            listed = self.client.list_image_actions(self.request.image_id, unread)
            actions = self._own.label(listed)
        except DigitalOceanError as error:
            if not self._look_failed:
                log.warning(
                    "A look for it failed; the next ones are not told if they fail, too. %s", error
                )
            self._look_failed = True
            return Decision.LOOK_AGAIN
        self._look_failed = False
        found = find_created_action(self.request, actions, self._seen)
        unknown = find_unknown_status_error(self.request, unread, self._seen)
        return Decision.LOOK_AGAIN if found is Decision.POST and unknown else found

    def _tell_that_it_looks_again(self) -> None:
        log.info(
            "Nothing is posted yet: %s. Looking every %g s, for %g s at most, until that is known.",
            self._doubt.message if self._doubt else "",
            RECONCILE_INTERVAL,
            RECONCILE_TIMEOUT,
        )

    def _repeat(
        self,
        look: Callable[[], Submission | Blocked | Decision],
        unsettled: set[Decision],
        begin: Callable[[], None] | None = None,
    ) -> Submission | Blocked | Decision:
        """Look until there is something else to do, or for as long as it may take to show.

        :param begin: called before the first pause, if there is any.
        """
        end = self._clock() + RECONCILE_TIMEOUT
        while (found := look()) in unsettled and self._clock() < end:
            if begin:
                begin()
                begin = None
            self._sleep(RECONCILE_INTERVAL)
        return found
