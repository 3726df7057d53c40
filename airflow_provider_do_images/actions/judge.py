"""What one look at an action means for the task that waits for it. Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_provider_do_images.api import (
    ActionStatus,
    AuthenticationError,
    DigitalOceanError,
    ImageAction,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnknownStatusError,
)

NOT_FOUND_GRACE = 120.0
"""Seconds from the start of a wait in which a 404 is waited out: what was just created may not be
readable at once (read-after-write 404s are reported of this API)."""


class Outcome(StrEnum):
    """How a wait can end."""

    COMPLETED = "completed"
    ERRORED = "errored"
    TIMED_OUT = "timed_out"
    GONE = "gone"
    NOT_ALLOWED = "not_allowed"
    NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait for one action. Times are Unix seconds.

    :param started_at: when the wait began.
    :param deadline: when it is given up; absolute, so that no restart moves it.
    """

    image_id: int
    action_id: int
    started_at: float
    deadline: float

    @property
    def until(self) -> str:
        """The deadline for a log."""
        return f"{datetime.fromtimestamp(self.deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"

    @property
    def goes_on(self) -> str:
        """What to tell whoever stops the wait."""
        return (
            f"No longer waiting here for action {self.action_id} of image {self.image_id}. "
            f"DigitalOcean has no way to cancel an action: it goes on, and a new wait joins it."
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a wait.

    :param decided_at: when it was decided, in Unix seconds.
    :param action: the action as last seen; ``None`` if the last look failed.
    :param error: why the last look failed, in words.
    """

    outcome: Outcome
    wait: Wait
    decided_at: float
    action: ImageAction | None = None
    error: str | None = None

    @property
    def message(self) -> str:
        """What happened, to what, since when, and what is going on at DigitalOcean now."""
        waited = _duration(self.decided_at - self.wait.started_at)
        what = _describe(self.wait, self.action)
        if self.outcome is Outcome.COMPLETED:
            return f"{what} completed{_took(self.action)}."
        if self.outcome is Outcome.ERRORED:
            return (
                f"{what} errored at DigitalOcean{_took(self.action)}. The API gives no reason; "
                f"DigitalOcean's support can look it up by the action id."
            )
        if self.outcome is Outcome.TIMED_OUT:
            state = f"Its last look failed: {self.error}" if self.error else "It is in-progress."
            return (
                f"{what} timed out: not finished by {self.wait.until}, after "
                f"{waited} of waiting. {state} Nothing was cancelled: it goes on at DigitalOcean, "
                f"and a new wait for these ids joins it."
            )
        if self.outcome is Outcome.GONE:
            return (
                f"{what} is not there (waited {waited}): the image was deleted or has expired, "
                f"or the action belongs to another image. {self.error}"
            )
        if self.outcome is Outcome.NOT_ALLOWED:
            return (
                f"{what} can no longer be watched (waited {waited}), though it may go on at "
                f"DigitalOcean. {self.error}"
            )
        return f"{what} cannot be judged: {self.error}"

    def to_event(self) -> dict[str, Any]:
        """Return primitives that :meth:`from_event` reads back in another process."""
        return {
            "outcome": self.outcome.value,
            "image_id": self.wait.image_id,
            "action_id": self.wait.action_id,
            "started_at": self.wait.started_at,
            "deadline": self.wait.deadline,
            "decided_at": self.decided_at,
            "action": self.action.to_json() if self.action else None,
            "error": self.error,
        }

    @classmethod
    def from_event(cls, event: Any) -> Verdict:
        """Read what :meth:`to_event` wrote.

        :raises ValueError: for anything else; a success must show the completed action.
        """
        try:
            wait = Wait(
                image_id=int(event["image_id"]),
                action_id=int(event["action_id"]),
                started_at=float(event["started_at"]),
                deadline=float(event["deadline"]),
            )
            row, error = event["action"], event["error"]
            action = ImageAction.from_json(row) if row is not None else None
            verdict = cls(
                Outcome(event["outcome"]), wait, float(event["decided_at"]), action, error
            )
        except (KeyError, TypeError, ValueError, DigitalOceanError) as problem:
            raise ValueError(f"not the event of a finished wait: {event!r}") from problem
        status = action.status.value if action else None
        ended = {Outcome.COMPLETED, Outcome.ERRORED}
        if verdict.outcome in ended and (
            status != verdict.outcome.value or action is None or action.id != wait.action_id
        ):
            raise ValueError(f"the event's outcome contradicts its action: {event!r}")
        return verdict


def judge(wait: Wait, look: ImageAction | DigitalOceanError, now: float) -> Verdict | None:
    """Return how the wait ends by this look, or ``None`` if it goes on.

    A finished action is never called timed out, and a failing look (429, 5xx, no answer, HTML)
    never ends a wait before its deadline.
    """
    if isinstance(look, ImageAction):
        ends = {
            ActionStatus.COMPLETED: Outcome.COMPLETED,
            ActionStatus.ERRORED: Outcome.ERRORED,
        }
        if outcome := ends.get(look.status):
            return Verdict(outcome, wait, now, action=look)
        return Verdict(Outcome.TIMED_OUT, wait, now, action=look) if now >= wait.deadline else None
    outcome_of_error = _final(look, settling=now < wait.started_at + NOT_FOUND_GRACE)
    if outcome_of_error is None and now >= wait.deadline:
        outcome_of_error = Outcome.TIMED_OUT
    return Verdict(outcome_of_error, wait, now, error=str(look)) if outcome_of_error else None


def worth_a_second_look(verdict: Verdict | None) -> bool:
    """Whether the verdict rests on a refusal that may pass, so that one more look decides."""
    return verdict is not None and verdict.outcome in (Outcome.GONE, Outcome.NOT_ALLOWED)


def _final(error: DigitalOceanError, *, settling: bool) -> Outcome | None:
    if isinstance(error, UnknownStatusError):
        return Outcome.NOT_UNDERSTOOD
    if isinstance(error, AuthenticationError | PermissionDeniedError | InvalidInputError):
        return Outcome.NOT_ALLOWED
    if isinstance(error, NotFoundError) and not settling:
        return Outcome.GONE
    return None


def _describe(wait: Wait, action: ImageAction | None) -> str:
    kind = action.type if action and action.type else "action"
    region = f" to {action.region_slug}" if action and action.region_slug else ""
    return f"{kind} of image {wait.image_id}{region} (action {wait.action_id})"


def _took(action: ImageAction | None) -> str:
    if action is None or action.started_at is None or action.completed_at is None:
        return ""
    return f" after {_duration((action.completed_at - action.started_at).total_seconds())}"


def _duration(seconds: float) -> str:
    """Write seconds as people say them: ``45 s``, ``12 min 5 s``, ``1 h 20 min``."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"
