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
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.wait.evaluate import WaitSpec

UNVERIFIED_TRANSFER_TTL = 2 * 60 * 60.0
"""How long after its completion a transfer without a region may still be missing in the image's
regions before it no longer stands in the way of a POST."""


class SubmitOutcome(StrEnum):
    """How a submit came by its action."""

    POSTED = "submitted"
    ATTACHED = "attached"
    RECONCILED = "reconciled"
    ALREADY_EXISTS = "already_exists"


@dataclass(frozen=True, slots=True)
class ActionRequest:
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

    ``action`` is ``None`` only for ``already_exists``, if no completed action in the image's
    history tells how it came there.
    """

    outcome: SubmitOutcome
    request: ActionRequest
    action: ImageAction | None = None

    def to_result(self) -> ActionResult:
        """Return what tasks hand on."""
        there = self.outcome is SubmitOutcome.ALREADY_EXISTS
        return ActionResult(
            self.request.image_id,
            region=self.request.region,
            outcome=self.outcome.value,
            end="completed" if there else None,
            action=self.action,
        )


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing was sent: each of these transfers is in progress and may be the requested one."""

    request: ActionRequest
    actions: tuple[ImageAction, ...]

    def waits(self, now: float, deadline: float) -> list[WaitSpec]:
        """Return a wait for each of them. What it did is for the image to show.

        :param now: the time, in Unix seconds.
        :param deadline: when the waits time out, in Unix seconds.
        """
        return [
            WaitSpec(self.request.image_id, action.id, now, deadline, verify_timeout=0.0)
            for action in self.actions
        ]

    def __str__(self) -> str:
        ids = ", ".join(str(action.id) for action in self.actions)
        return (
            f"the {self.request} is not submitted, since it may be in progress already: action "
            f"{ids} of this image does not tell its region"
        )


class Decision(StrEnum):
    """What to do where the list shows nothing to attach to."""

    POST = "post"
    LOOK_AGAIN = "look again"
    DECIDE_AGAIN = "decide again"
    """Read the image and its actions anew and decide by them."""


def decide(
    request: ActionRequest, image: Image, actions: Iterable[ImageAction]
) -> Submission | Blocked | Decision:
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
        return Submission(SubmitOutcome.ALREADY_EXISTS, request, next(ended, None))
    for action in matching:
        if action.status is not ActionStatus.ERRORED:
            return Submission(SubmitOutcome.ATTACHED, request, action)
    running = [a for a in same_type if not a.finished and _may_match(request, a)]
    return Blocked(request, tuple(running)) if running else Decision.POST


def find_created_action(
    request: ActionRequest, actions: Iterable[ImageAction], seen: frozenset[int]
) -> Submission | Decision:
    """Return what a POST without an answer started: the action that was not there before.

    Of several new transfers that do not tell their region none can be told to be ours, so the image
    has to decide.
    """
    new = [a for a in actions if a.id not in seen and is_type(a, request.type)]
    found = _matching(request, new) or [a for a in new if _may_match(request, a)]
    if not found:
        return Decision.POST
    first = min(found, key=lambda action: action.id)
    if _may_match(request, first) and len(found) > 1:
        return Decision.DECIDE_AGAIN
    return Submission(SubmitOutcome.RECONCILED, request, first)


def find_unknown_status_error(
    request: ActionRequest,
    unread: Iterable[InvalidResponseError],
    seen: frozenset[int] = frozenset(),
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


def find_unverified_transfer(
    request: ActionRequest, image: Image, actions: Iterable[ImageAction], now: float
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
        if ended is None or now - ended.timestamp() < UNVERIFIED_TRANSFER_TTL:
            return action
    return None


def find_errored(request: ActionRequest, actions: Iterable[ImageAction]) -> ImageAction | None:
    """Return the newest matching action that errored."""
    same_type = [action for action in actions if is_type(action, request.type)]
    errored = [a for a in _matching(request, same_type) if a.status is ActionStatus.ERRORED]
    return max(errored, key=lambda action: action.id, default=None)


def _matching(request: ActionRequest, actions: Iterable[ImageAction]) -> list[ImageAction]:
    return [a for a in actions if request.region in (None, a.region_slug)]


def _may_match(request: ActionRequest, action: ImageAction) -> bool:
    """Whether this is a transfer that may be the requested one, since it does not tell."""
    return request.region is not None and action.region_slug is None
