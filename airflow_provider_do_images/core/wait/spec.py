"""A wait for one action (:class:`WaitSpec`) and its end (:class:`WaitResult`), as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, TypeVar

from airflow_provider_do_images.api import DigitalOceanError, ImageAction
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import (
    check_choice,
    check_id,
    check_moment,
    check_string,
    check_text,
    check_verify_timeout,
)
from airflow_provider_do_images.core.results import ActionResult, Submission, WaitStatus

T = TypeVar("T")

VERIFY_TIMEOUT = 120.0
"""Seconds that an image's ``regions`` and ``type`` may lag behind a completed action."""


@dataclass(frozen=True, slots=True)
class WaitSpec:
    """A wait for one action. Times are Unix seconds.

    :param started_at: when the wait began.
    :param deadline: when the wait times out; absolute, so that no restart moves it.
    :param region: slug of the target region of a transfer, if known.
    :param verify_timeout: seconds in which the image must show the effect of a completed action; 0
        to skip the verification.
    :param droplet_id: the droplet that the image was made of, if known.
    :param droplet_name: its name, if known.
    :param submission: how the action was obtained, if known.
    :param typical_seconds: the typical duration of such actions, if known.
    """

    image_id: int
    action_id: int
    started_at: float
    deadline: float
    region: str | None = None
    verify_timeout: float = VERIFY_TIMEOUT
    droplet_id: int | None = None
    droplet_name: str | None = None
    submission: Submission | None = None
    typical_seconds: float | None = None

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Build from the fields by their names; unknown names are ignored.

        :raises InvalidInputError: naming the field.
        """

        def read(name: str, check: Callable[[str, Any], T], default: T | None = None) -> T | None:
            value = values.get(name)
            return default if value is None else check(name, value)

        submission = read("submission", lambda n, v: check_choice(n, v, tuple(Submission)))
        return cls(
            check_id("image_id", values.get("image_id")),
            check_id("action_id", values.get("action_id")),
            check_moment("started_at", values.get("started_at")),
            check_moment("deadline", values.get("deadline")),
            region=read("region", check_text),
            verify_timeout=read("verify_timeout", check_verify_timeout, VERIFY_TIMEOUT) or 0.0,
            droplet_id=read("droplet_id", check_id),
            droplet_name=read("droplet_name", check_string),
            submission=Submission(submission) if submission else None,
            typical_seconds=read("typical_seconds", check_moment),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the known fields as primitives, for :meth:`checked` in another process."""
        fields = {**asdict(self), "submission": self.submission and self.submission.value}
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def for_result(
        cls,
        row: ActionResult,
        *,
        now: float,
        deadline: float,
        verify_timeout: float,
        typical_seconds: float | None = None,
    ) -> Self:
        """Return the wait for the action of a pending row.

        :param now: the time, in Unix seconds.
        """
        if row.action is None:
            raise ValueError(f"no action to wait for: {row}")
        return cls(
            row.image_id,
            row.action.id,
            now,
            deadline,
            row.region,
            verify_timeout,
            row.droplet_id,
            row.droplet_name,
            row.submission,
            typical_seconds,
        )


@dataclass(frozen=True, slots=True)
class WaitResult:
    """The end of a wait.

    :param decided_at: when the wait ended, in Unix seconds.
    :param action: the action as last read; ``None`` if it was never read.
    :param error: why the last poll failed, as text.
    """

    status: WaitStatus
    wait: WaitSpec
    decided_at: float
    action: ImageAction | None = None
    error: str | None = None

    def to_result(self) -> ActionResult:
        """Return the row that a task returns."""
        wait = self.wait
        return ActionResult(
            wait.image_id,
            droplet_id=wait.droplet_id,
            droplet_name=wait.droplet_name,
            region=wait.region,
            submission=wait.submission,
            wait_status=self.status,
            error=self.error,
            action=self.action,
        )

    def to_event(self) -> dict[str, Any]:
        """Return primitives that :meth:`from_event` reads in another process."""
        return {
            "wait_status": self.status.value,
            "wait": self.wait.to_json(),
            "decided_at": self.decided_at,
            "action": self.action.to_json() if self.action else None,
            "request_id": self.action.request_id if self.action else None,
            "error": self.error,
        }

    @classmethod
    def from_event(cls, event: Any) -> WaitResult:
        """Read what :meth:`to_event` returned.

        :raises ValueError: for anything else, and for a status that contradicts the action.
        """
        try:
            wait = WaitSpec.checked(dict(event["wait"]))
            row, error = event["action"], event["error"]
            action = None
            if row is not None:
                action = replace(ImageAction.from_json(row), request_id=event.get("request_id"))
            status = WaitStatus(event["wait_status"])
            decided_at = check_moment("decided_at", event["decided_at"])
        except (KeyError, TypeError, ValueError, DigitalOceanError) as problem:
            raise ValueError(f"not the event of a finished wait: {shorten(event)}") from problem
        if action is not None and action.id != wait.action_id:
            raise ValueError(f"the event's action is not the one waited for: {shorten(event)}")
        seen = action.status.value if action else None
        if status in {WaitStatus.COMPLETED, WaitStatus.ERRORED} and seen != status.value:
            raise ValueError(f"the event's status contradicts its action: {shorten(event)}")
        return cls(status, wait, decided_at, action, error)
