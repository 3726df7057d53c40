"""Decide from an image and its action list whether an action must be submitted. Pure.

The API may never report the region of a transfer (recorded). A transfer in progress that this task
did not submit may therefore be the requested one. It blocks the submit until it has ended; then the
image decides.
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
from airflow_provider_do_images.core.action_filter import is_same_type, is_type
from airflow_provider_do_images.core.results import ActionResult, Submission, WaitStatus
from airflow_provider_do_images.core.wait.spec import WaitSpec

UNVERIFIED_TRANSFER_TTL = 2 * 60 * 60.0
"""Seconds after its completion for which a transfer without a region that the image does not show
blocks a submit."""


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """A requested action: a transfer to ``region``, or a convert if there is no region."""

    image_id: int
    region: str | None = None

    @property
    def type(self) -> str:
        """The type of the action to submit."""
        return "transfer" if self.region else "convert"

    def to_result(self, submission: Submission, action: ImageAction | None = None) -> ActionResult:
        """Return the row of the submitted action. ``already_exists`` counts as completed."""
        exists = submission is Submission.ALREADY_EXISTS
        return ActionResult(
            self.image_id,
            region=self.region,
            submission=submission,
            wait_status=WaitStatus.COMPLETED if exists else None,
            action=action,
        )

    def __str__(self) -> str:
        to = f" to {self.region}" if self.region else ""
        return f"{self.type} of image {self.image_id}{to}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing was sent: each of these transfers is in progress and may be the requested one."""

    request: ActionRequest
    actions: tuple[ImageAction, ...]

    def waits(self, now: float, deadline: float) -> list[WaitSpec]:
        """Return a wait for each of them, without verification: the image decides afterwards.

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
            f"the {self.request} may already be in progress: the API reports no region for action "
            f"{ids} of this image"
        )


class Decision(StrEnum):
    """The next step if there is no action to attach to."""

    SUBMIT = "submit"
    RECHECK = "recheck"
    """Read the action list again after a pause."""
    DECIDE_AGAIN = "decide again"
    """Read the image and its actions, and decide from the start."""


def decide(
    request: ActionRequest, image: Image, actions: Iterable[ImageAction]
) -> ActionResult | Blocked | Decision:
    """Return what the image and its actions require.

    A task attaches to a matching action in progress, and to a completed one whose effect the image
    does not show yet; the wait verifies it. It does not attach to an errored one, because a retry
    is meant to submit again.
    """
    same_type = [action for action in actions if is_type(action, request.type)]
    matching = sorted(_matching(request, same_type), key=lambda a: a.id, reverse=True)
    exists = image.type == "snapshot" if request.region is None else request.region in image.regions
    if exists:
        # A cleared task returns the same action again.
        completed = (action for action in matching if action.status is ActionStatus.COMPLETED)
        return request.to_result(Submission.ALREADY_EXISTS, next(completed, None))
    for action in matching:
        if action.status is not ActionStatus.ERRORED:
            return request.to_result(Submission.ATTACHED, action)
    running = [a for a in same_type if not a.finished and _may_match(request, a)]
    return Blocked(request, tuple(running)) if running else Decision.SUBMIT


def find_created_action(
    request: ActionRequest, actions: Iterable[ImageAction], seen: frozenset[int]
) -> ActionResult | Decision:
    """Return the action that a POST without a clear response created: one with a new id.

    Several new transfers without a region cannot be distinguished, so the image has to decide.

    :param seen: the ids that were listed before the POST.
    """
    new = [a for a in actions if a.id not in seen and is_type(a, request.type)]
    found = _matching(request, new) or [a for a in new if _may_match(request, a)]
    if not found:
        return Decision.SUBMIT
    first = min(found, key=lambda action: action.id)
    if _may_match(request, first) and len(found) > 1:
        return Decision.DECIDE_AGAIN
    return request.to_result(Submission.RECONCILED, first)


def find_unknown_status_error(
    request: ActionRequest,
    unread: Iterable[InvalidResponseError],
    seen: frozenset[int] = frozenset(),
) -> UnknownStatusError | None:
    """Return the error of an action of unknown status that may be the requested one.

    It may be in progress, so the task neither attaches to it nor submits another one.

    :param seen: ids of actions that are not the requested one.
    """
    for error in unread:
        if (
            isinstance(error, UnknownStatusError)
            and error.action_id not in seen
            and (not error.action_type or is_same_type(error.action_type, request.type))
            and (request.region is None or error.region in (None, request.region))
        ):
            return error
    return None


def find_unverified_transfer(
    request: ActionRequest, image: Image, actions: Iterable[ImageAction], now: float
) -> ImageAction | None:
    """Return a completed transfer without a region that may be the requested one.

    An image begins with one region, and each completed transfer adds one. If there are more
    transfers than added regions, the image does not show the newest transfer yet.

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
    """Whether this is a transfer without a region, which may be the requested one."""
    return request.region is not None and action.region_slug is None
