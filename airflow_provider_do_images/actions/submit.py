"""Submitting an action so that it cannot happen twice. A pure decision, and a thin loop around it.

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
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_do_images.actions.history import is_name_of, is_type
from airflow_provider_do_images.actions.messages import STARTED_NOTHING
from airflow_provider_do_images.actions.results import Result
from airflow_provider_do_images.api import (
    ActionStatus,
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidResponseError,
    NotFoundError,
    NotSentError,
    ServerError,
    TransportError,
    UnknownStatusError,
    UnprocessableError,
)

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

SETTLE_SECONDS = 60.0
"""How long the list of actions is asked for what an unanswered POST may have started, before the
POST is sent again; also how long a transfer is waited for that does not tell its region yet."""

SETTLE_INTERVAL = 5.0
"""Seconds between two of these looks."""

MOST_POSTS = 3
"""How often a POST without a clear answer is sent before the task fails."""

_MAY_RUN = "Whether an action was started, and still runs, is not known; a new try looks for it."


class SubmitOutcome(StrEnum):
    """How a submit came by its action."""

    POSTED = "posted"
    JOINED_RUNNING = "joined_running"
    FOUND_AFTER_LOST_REPLY = "found_after_lost_reply"
    ALREADY_THERE = "already_there"


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: a transfer to ``region``, or without one a convert."""

    image_id: int
    region: str | None = None

    @property
    def type(self) -> str:
        """The type of the action to post."""
        return "transfer" if self.region else "convert"

    def __str__(self) -> str:
        to = f" to {self.region}" if self.region else ""
        return f"{self.type} of image {self.image_id}{to}"


@dataclass(frozen=True, slots=True)
class Submission:
    """The result of a submit.

    ``action`` is ``None`` only for ``already_there``, if no completed action in the image's history
    tells how it came there.
    """

    outcome: SubmitOutcome
    request: Request
    action: ImageAction | None = None

    def to_result(self) -> Result:
        """Return what tasks hand on."""
        there = self.outcome is SubmitOutcome.ALREADY_THERE
        return Result(
            self.request.image_id,
            region=self.request.region,
            outcome=self.outcome.value,
            end="completed" if there else None,
            action=self.action,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What an image and its actions showed at one moment."""

    image: Image
    actions: tuple[ImageAction, ...]
    unread: tuple[InvalidResponseError, ...] = ()
    """Why other actions could not be read."""

    @classmethod
    def at(cls, client: ApiClient, image_id: int) -> Look:
        """Look now: two GETs."""
        image = client.get_image(image_id)
        unread: list[InvalidResponseError] = []
        actions = tuple(client.list_image_actions(image_id, unread))
        return cls(image, actions, tuple(unread))

    def having(self, action: ImageAction, region: str | None) -> Look:
        """Return the look with an action in it that is known to go to this region."""
        others = (one for one in self.actions if one.id != action.id)
        return replace(self, actions=(replace(action, region_slug=region), *others))


class Next(StrEnum):
    """What to do where the look shows nothing to join."""

    POST = "post"
    LOOK_AGAIN = "look again"


def decide(request: Request, image: Image, actions: Iterable[ImageAction]) -> Submission | Next:
    """Return what the image and its actions call for.

    A matching action in progress is joined, and so is a completed one whose effect the image does
    not show yet; the wait proves it. An errored one is not: a retry is meant to try again. A
    transfer in progress that does not tell its region is neither joined nor doubled but looked at
    again, until it tells.
    """
    same_type = [action for action in actions if is_type(action, request.type)]
    matching = sorted(_matching(request, same_type), key=lambda a: a.id, reverse=True)
    done = image.type == "snapshot" if request.region is None else request.region in image.regions
    if done:
        # A cleared task returns again what it once returned.
        ended = (action for action in matching if action.status is ActionStatus.COMPLETED)
        return Submission(SubmitOutcome.ALREADY_THERE, request, next(ended, None))
    for action in matching:
        if action.status is not ActionStatus.ERRORED:
            return Submission(SubmitOutcome.JOINED_RUNNING, request, action)
    return Next.LOOK_AGAIN if region_untold(request, actions) else Next.POST


def find_new(
    request: Request, actions: Iterable[ImageAction], seen: frozenset[int]
) -> Submission | Next:
    """Return what a POST without an answer started: the action that was not there before."""
    new = [a for a in actions if a.id not in seen and is_type(a, request.type)]
    if found := _matching(request, new):
        first = min(found, key=lambda action: action.id)
        return Submission(SubmitOutcome.FOUND_AFTER_LOST_REPLY, request, first)
    return Next.LOOK_AGAIN if region_untold(request, new) else Next.POST


def of_unknown_status(
    request: Request, unread: Iterable[InvalidResponseError], seen: frozenset[int] = frozenset()
) -> UnknownStatusError | None:
    """Return the error of an action that may be the wanted one and has a status nobody knows.

    Such a one may run, so it is neither joined nor doubled.

    :param seen: ids of actions that it is not.
    """
    for error in unread:
        if (
            isinstance(error, UnknownStatusError)
            and error.action_id not in seen
            and (not error.action_type or is_name_of(error.action_type, request.type))
            and (request.region is None or error.region in (None, request.region))
        ):
            return error
    return None


def _matching(request: Request, actions: Iterable[ImageAction]) -> list[ImageAction]:
    return [a for a in actions if request.region in (None, a.region_slug)]


def _matching_errored(request: Request, actions: Iterable[ImageAction]) -> ImageAction | None:
    same_type = [action for action in actions if is_type(action, request.type)]
    errored = [a for a in _matching(request, same_type) if a.status is ActionStatus.ERRORED]
    return max(errored, key=lambda action: action.id, default=None)


def region_untold(request: Request, actions: Iterable[ImageAction]) -> ImageAction | None:
    """Return a transfer in progress that may be the wanted one, since it tells no region."""
    untold = (
        a
        for a in actions
        if a.region_slug is None
        and a.status is ActionStatus.IN_PROGRESS
        and is_type(a, request.type)
    )
    return next(untold, None) if request.region else None


class Submitter:
    """The loop around the decisions, for one request.

    :param client: sends; it repeats a GET by its own rules, and a POST only if it had no effect.
    :param first_look: what the image has just shown, if somebody has looked already.
    :param clock: seconds that only go forward.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        request: Request,
        *,
        first_look: Look | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.request = request
        self._first_look = first_look
        self._clock = clock
        self._sleep = sleep
        self.image: Image | None = None
        """The image as it was seen last."""
        self._seen: frozenset[int] = frozenset()
        self._unknown: UnknownStatusError | None = None
        self._untold: ImageAction | None = None
        self._posted = False
        self._look_failed = False

    def submit(self) -> Submission:
        """Look, then join what runs or post once, and say which.

        :raises DigitalOceanError: if the API refuses, or it stays unknown whether an action runs.
        """
        try:
            return self._submit()
        except DigitalOceanError as error:
            error.region = error.region or self.request.region
            error.state = _MAY_RUN if self._posted else STARTED_NOTHING
            if isinstance(error, NotFoundError) and self.request.type == "convert":
                error.advice = (
                    "The backup has expired or was removed: clear the task that chose it, so that "
                    "it chooses again."
                )
            raise

    def _submit(self) -> Submission:
        found = self._repeat(self._look, {Next.LOOK_AGAIN}, self._tell_that_it_looks_again)
        posts = 0
        while found is Next.POST:
            posts += 1
            found = self._post(last=posts == MOST_POSTS)
        if isinstance(found, Submission):
            return found
        if self._unknown:
            advice = f"It may be the {self.request}, so nothing was posted. {self._unknown.advice}"
            self._unknown.advice = advice
            raise self._unknown
        error = DigitalOceanError(
            f"a transfer of image {self.request.image_id} is in progress that does not tell its "
            f"region, so it may be the {self.request}; nothing was posted. A retry looks again",
            request_id=self._untold.request_id if self._untold else None,
        )
        error.action_id = self._untold.id if self._untold else None
        raise error

    def _look(self) -> Submission | Next:
        look = self._first_look or Look.at(self.client, self.request.image_id)
        self._first_look = None
        self.image = look.image
        self._seen = frozenset(action.id for action in look.actions)
        found = decide(self.request, look.image, look.actions)
        self._unknown = of_unknown_status(self.request, look.unread)
        self._untold = region_untold(self.request, look.actions)
        if found is Next.POST and self._unknown:
            return Next.LOOK_AGAIN
        if found is Next.POST and (errored := _matching_errored(self.request, look.actions)):
            log.info("Action %s errored before; the %s is tried anew.", errored.id, self.request)
        return found

    def _post(self, *, last: bool) -> Submission | Next:
        image_id, region = self.request.image_id, self.request.region
        try:
            if region:
                action = self.client.transfer_image(image_id, region)
            else:
                action = self.client.convert_image(image_id)
        except UnprocessableError:
            # Somebody may have been faster.
            if isinstance(found := self._look(), Submission):
                return found
            raise
        except NotSentError:
            raise
        except UnknownStatusError:
            self._posted = True  # it answers clearly that there is an action
            raise
        except (TransportError, ServerError, InvalidResponseError) as error:
            self._posted = True
            log.warning(
                "The POST got no clear answer; looking every %g s, for %g s at most, for what it "
                "started. %s",
                SETTLE_INTERVAL,
                SETTLE_SECONDS,
                error,
            )
            found = self._repeat(self._look_for_new, {Next.LOOK_AGAIN, Next.POST})
            if found is Next.LOOK_AGAIN or (last and found is Next.POST):
                raise
            return found
        return Submission(SubmitOutcome.POSTED, self.request, action)

    def _look_for_new(self) -> Submission | Next:
        unread: list[InvalidResponseError] = []
        try:
            actions = list(self.client.list_image_actions(self.request.image_id, unread))
        except DigitalOceanError as error:
            if not self._look_failed:
                log.warning(
                    "A look for it failed; the next ones are not told if they fail, too. %s", error
                )
            self._look_failed = True
            return Next.LOOK_AGAIN
        self._look_failed = False
        found = find_new(self.request, actions, self._seen)
        unknown = of_unknown_status(self.request, unread, self._seen)
        return Next.LOOK_AGAIN if found is Next.POST and unknown else found

    def _tell_that_it_looks_again(self) -> None:
        untold = f"action {self._untold.id} does not tell its region yet" if self._untold else None
        log.info(
            "Nothing is posted yet: %s, and it may be the %s. Looking every %g s, for %g s at "
            "most, until that is known.",
            self._unknown.message if self._unknown else untold,
            self.request,
            SETTLE_INTERVAL,
            SETTLE_SECONDS,
        )

    def _repeat(
        self,
        look: Callable[[], Submission | Next],
        unsettled: set[Next],
        begin: Callable[[], None] | None = None,
    ) -> Submission | Next:
        """Look until there is something else to do, or for as long as it may take to show.

        :param begin: called before the first pause, if there is any.
        """
        end = self._clock() + SETTLE_SECONDS
        while (found := look()) in unsettled and self._clock() < end:
            if begin:
                begin()
                begin = None
            self._sleep(SETTLE_INTERVAL)
        return found
