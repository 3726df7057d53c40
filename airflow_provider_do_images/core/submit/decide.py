"""Whether a requested action needs a POST, decided by the image and its list of actions. Pure.

A transfer may never tell its region (recorded), so one in progress that this task did not submit
may be the requested one: it blocks the POST until it has ended, and then the image decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_do_images.api import (
    ActionStatus,
    Image,
    ImageAction,
    InvalidResponseError,
    UnknownStatusError,
)
from airflow_provider_do_images.core.action_filter import is_name_of, is_type
from airflow_provider_do_images.core.results import Result
from airflow_provider_do_images.core.wait.evaluate import Wait

UNSHOWN_SECONDS = 2 * 60 * 60.0
"""How long after its completion a transfer without a region may still be missing in the image's
regions before it no longer stands in the way of a POST."""


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
class Blocked:
    """Nothing was sent: each of these transfers is in progress and may be the requested one."""

    request: Request
    actions: tuple[ImageAction, ...]

    def waits(self, now: float, deadline: float) -> list[Wait]:
        """Return a wait for each of them. What it did is for the image to show.

        :param now: the time, in Unix seconds.
        :param deadline: when the waits time out, in Unix seconds.
        """
        return [
            Wait(self.request.image_id, action.id, now, deadline, proof_timeout=0.0)
            for action in self.actions
        ]

    def __str__(self) -> str:
        ids = ", ".join(str(action.id) for action in self.actions)
        return (
            f"the {self.request} is not submitted, since it may be in progress already: action "
            f"{ids} of this image does not tell its region"
        )


class Next(StrEnum):
    """What to do where the list shows nothing to attach to."""

    POST = "post"
    LOOK_AGAIN = "look again"
    DECIDE_AGAIN = "decide again"
    """Read the image and its actions anew and decide by them."""


def decide(
    request: Request, image: Image, actions: Iterable[ImageAction]
) -> Submission | Blocked | Next:
    """Return what the image and its actions call for.

    A matching action in progress is joined, and so is a completed one whose effect the image does
    not show yet; the wait proves it. An errored one is not: a retry is meant to try again. A
    transfer in progress that does not tell its region is neither joined nor doubled.
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
    running = [a for a in same_type if not a.finished and _may_match(request, a)]
    return Blocked(request, tuple(running)) if running else Next.POST


def find_new(
    request: Request, actions: Iterable[ImageAction], seen: frozenset[int]
) -> Submission | Next:
    """Return what a POST without an answer started: the action that was not there before.

    Of several new transfers that do not tell their region none can be told to be ours, so the image
    has to decide.
    """
    new = [a for a in actions if a.id not in seen and is_type(a, request.type)]
    found = _matching(request, new) or [a for a in new if _may_match(request, a)]
    if not found:
        return Next.POST
    first = min(found, key=lambda action: action.id)
    if _may_match(request, first) and len(found) > 1:
        return Next.DECIDE_AGAIN
    return Submission(SubmitOutcome.FOUND_AFTER_LOST_REPLY, request, first)


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


def find_unshown(
    request: Request, image: Image, actions: Iterable[ImageAction], now: float
) -> ImageAction | None:
    """Return a completed transfer without a region that may be the requested one.

    Each completed transfer has added a region to the image, which began with one. If there are more
    of them than regions, the image does not show the newest yet: its regions may lag behind.

    :param now: the time, in Unix seconds.
    """
    completed = [
        action
        for action in actions
        if action.status is ActionStatus.COMPLETED and is_type(action, "transfer")
    ]
    named = {action.region_slug for action in completed}
    unnamed = sorted((a for a in completed if _may_match(request, a)), key=lambda a: a.id)
    shown = max(len(set(image.regions) - named) - 1, 0)
    for action in reversed(unnamed[shown:]):
        ended = action.completed_at or action.started_at
        if ended is None or now - ended.timestamp() < UNSHOWN_SECONDS:
            return action
    return None


def find_errored(request: Request, actions: Iterable[ImageAction]) -> ImageAction | None:
    """Return the newest matching action that errored."""
    same_type = [action for action in actions if is_type(action, request.type)]
    errored = [a for a in _matching(request, same_type) if a.status is ActionStatus.ERRORED]
    return max(errored, key=lambda action: action.id, default=None)


def _matching(request: Request, actions: Iterable[ImageAction]) -> list[ImageAction]:
    return [a for a in actions if request.region in (None, a.region_slug)]


def _may_match(request: Request, action: ImageAction) -> bool:
    """Whether this is a transfer that may be the requested one, since it does not tell."""
    return request.region is not None and action.region_slug is None
