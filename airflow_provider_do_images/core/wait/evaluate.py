"""What one look at an action means for the task that waits for it. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self, TypeVar

from airflow_provider_do_images.api import (
    ActionStatus,
    AuthenticationError,
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnknownStatusError,
)
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import (
    check_id,
    check_moment,
    check_string,
    check_text,
    check_verify_timeout,
)
from airflow_provider_do_images.core.action_filter import is_type
from airflow_provider_do_images.core.results import ActionResult

T = TypeVar("T")

NOT_FOUND_GRACE = 120.0
"""Seconds from the start of a wait in which a 404 is waited out: what was just created may not be
readable at once (read-after-write 404s are reported of this API)."""


VERIFY_TIMEOUT = 120.0
"""Seconds that an image's ``regions`` and ``type`` may lag behind a completed action."""


class WaitStatus(StrEnum):
    """How a wait can end."""

    COMPLETED = "completed"
    UNVERIFIED = "unverified"
    ERRORED = "errored"
    TIMED_OUT = "timed_out"
    NOT_FOUND = "not_found"
    ACCESS_DENIED = "access_denied"
    UNKNOWN_STATUS = "unknown_status"
    INTERNAL_ERROR = "internal_error"
    """The wait itself failed: a defect of this package."""


@dataclass(frozen=True, slots=True)
class WaitSpec:
    """A wait for one action. Times are Unix seconds.

    :param started_at: when the wait began.
    :param deadline: when it is given up; absolute, so that no restart moves it.
    :param region: slug of the region that a transfer goes to, if it is known.
    :param verify_timeout: seconds in which the image must show what a completed action did; 0 to
        take the action's word for it.
    :param droplet_id: the droplet that the image was made of, if it is known.
    :param droplet_name: its name, if it is known.
    :param outcome: how the action was come by, if it is known.
    :param typical_seconds: how long such actions took lately, if that is known.
    """

    image_id: int
    action_id: int
    started_at: float
    deadline: float
    region: str | None = None
    verify_timeout: float = VERIFY_TIMEOUT
    droplet_id: int | None = None
    droplet_name: str | None = None
    outcome: str | None = None
    typical_seconds: float | None = None

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Build from the fields by their names; what is no field is ignored.

        :raises InvalidInputError: naming the field.
        """

        def read(name: str, check: Callable[[str, Any], T], default: T | None = None) -> T | None:
            value = values.get(name)
            return default if value is None else check(name, value)

        return cls(
            check_id("image_id", values.get("image_id")),
            check_id("action_id", values.get("action_id")),
            check_moment("started_at", values.get("started_at")),
            check_moment("deadline", values.get("deadline")),
            region=read("region", check_text),
            verify_timeout=read("verify_timeout", check_verify_timeout, VERIFY_TIMEOUT) or 0.0,
            droplet_id=read("droplet_id", check_id),
            droplet_name=read("droplet_name", check_string),
            outcome=read("outcome", check_string),
            typical_seconds=read("typical_seconds", check_moment),
        )


@dataclass(frozen=True, slots=True)
class WaitResult:
    """The end of a wait.

    :param decided_at: when it was decided, in Unix seconds.
    :param action: the action as last seen; ``None`` if it never was.
    :param error: why the last look failed, in words.
    """

    outcome: WaitStatus
    wait: WaitSpec
    decided_at: float
    action: ImageAction | None = None
    error: str | None = None

    def to_result(self) -> ActionResult:
        """Return what tasks hand on."""
        wait = self.wait
        return ActionResult(
            wait.image_id,
            droplet_id=wait.droplet_id,
            droplet_name=wait.droplet_name,
            region=wait.region,
            outcome=wait.outcome,
            end=self.outcome.value,
            error=self.error,
            action=self.action,
        )

    def to_event(self) -> dict[str, Any]:
        """Return primitives that :meth:`from_event` reads back in another process."""
        return {
            "outcome": self.outcome.value,
            "wait": asdict(self.wait),
            "decided_at": self.decided_at,
            "action": self.action.to_json() if self.action else None,
            "request_id": self.action.request_id if self.action else None,
            "error": self.error,
        }

    @classmethod
    def from_event(cls, event: Any) -> WaitResult:
        """Read what :meth:`to_event` wrote.

        :raises ValueError: for anything else; a success must show the completed action.
        """
        try:
            wait = WaitSpec.checked(dict(event["wait"]))
            row, error = event["action"], event["error"]
            action = None
            if row is not None:
                action = replace(ImageAction.from_json(row), request_id=event.get("request_id"))
            verdict = cls(
                WaitStatus(event["outcome"]),
                wait,
                check_moment("decided_at", event["decided_at"]),
                action,
                error,
            )
        except (KeyError, TypeError, ValueError, DigitalOceanError) as problem:
            raise ValueError(f"not the event of a finished wait: {shorten(event)}") from problem
        status = action.status.value if action else None
        ends = {WaitStatus.COMPLETED: "completed", WaitStatus.ERRORED: "errored"}
        if action is not None and action.id != wait.action_id:
            raise ValueError(f"the event's action is not the one waited for: {shorten(event)}")
        if verdict.outcome in ends and status != ends[verdict.outcome]:
            raise ValueError(f"the event's outcome contradicts its action: {shorten(event)}")
        return verdict


def evaluate_poll(
    wait: WaitSpec, look: ImageAction | DigitalOceanError, now: float
) -> WaitResult | None:
    """Return how the wait ends by this look, or ``None`` if it goes on.

    A finished action is never called timed out, and a failing look (429, 5xx, no answer, HTML)
    never ends a wait before its deadline.
    """
    if isinstance(look, ImageAction):
        ends = {
            ActionStatus.COMPLETED: WaitStatus.COMPLETED,
            ActionStatus.ERRORED: WaitStatus.ERRORED,
        }
        if outcome := ends.get(look.status):
            return WaitResult(outcome, wait, now, action=look)
        return (
            WaitResult(WaitStatus.TIMED_OUT, wait, now, action=look)
            if now >= wait.deadline
            else None
        )
    outcome_of_error = _final(look, settling=now < wait.started_at + NOT_FOUND_GRACE)
    if outcome_of_error is None and now >= wait.deadline:
        outcome_of_error = WaitStatus.TIMED_OUT
    return WaitResult(outcome_of_error, wait, now, error=str(look)) if outcome_of_error else None


def is_verified(wait: WaitSpec, action: ImageAction, image: Image) -> bool:
    """Whether the image shows what the completed action did.

    Actions other than convert and transfer leave nothing to be seen on the image. Neither does a
    transfer to a region that nobody tells.
    """
    if action.type == "transfer" or wait.region:
        region = wait.region or action.region_slug
        return region is None or region in image.regions
    if is_type(action, "convert"):
        return image.type == "snapshot"
    return True


def evaluate_verification(
    wait: WaitSpec, action: ImageAction, look: Image | DigitalOceanError, now: float, until: float
) -> WaitResult | None:
    """Return how the wait for a completed action ends by a look at its image, or ``None``.

    :param until: when the proof is given up, in Unix seconds.
    """
    if isinstance(look, Image):
        if is_verified(wait, action, look):
            return WaitResult(WaitStatus.COMPLETED, wait, now, action=action)
        seen = f"It has type {look.type!r} and regions {', '.join(look.regions) or 'none'}."
    else:
        seen = f"The last look failed: {look}"
    return (
        WaitResult(WaitStatus.UNVERIFIED, wait, now, action=action, error=seen)
        if now >= until
        else None
    )


def may_be_of_another(outcome: str | None, region: str | None, action: ImageAction | None) -> bool:
    """Whether an action found after a lost response may be one that another client started.

    It is if the action does not tell that it goes to the region.

    :param outcome: how the action was come by.
    """
    found = outcome == "reconciled" and action is not None
    return found and action is not None and region not in (None, action.region_slug)


def needs_confirmation(verdict: WaitResult | None) -> bool:
    """Whether the verdict rests on a refusal that may pass, so that one more look decides."""
    return verdict is not None and verdict.outcome in (
        WaitStatus.NOT_FOUND,
        WaitStatus.ACCESS_DENIED,
    )


def _final(error: DigitalOceanError, *, settling: bool) -> WaitStatus | None:
    if isinstance(error, UnknownStatusError):
        return WaitStatus.UNKNOWN_STATUS
    if isinstance(error, AuthenticationError | PermissionDeniedError | InvalidInputError):
        return WaitStatus.ACCESS_DENIED
    if isinstance(error, NotFoundError) and not settling:
        return WaitStatus.NOT_FOUND
    return None
