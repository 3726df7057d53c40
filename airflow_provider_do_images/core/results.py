"""The result of an action on an image: the row that tasks return.

The row says how the action was obtained (:class:`Submission`) and how the wait for it ended
(:class:`WaitStatus`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_do_images.api import DigitalOceanError, ImageAction
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id


class Submission(StrEnum):
    """How a task obtained its action."""

    SUBMITTED = "submitted"
    """The task sent the POST."""
    ATTACHED = "attached"
    """A matching action was already in progress, or completed but not yet visible in the image."""
    RECONCILED = "reconciled"
    """The POST had no clear response; the action was found in the image's action list."""
    ALREADY_EXISTS = "already_exists"
    """The image already is a snapshot, or already is in the region."""
    REJECTED = "rejected"
    """DigitalOcean refused the request; there is no action, and a retry does not help."""
    SUBMIT_FAILED = "submit_failed"
    """The submit failed; a retry may help."""


class WaitStatus(StrEnum):
    """How a wait ended. Only ``completed`` is a success."""

    COMPLETED = "completed"
    UNVERIFIED = "unverified"
    ERRORED = "errored"
    TIMED_OUT = "timed_out"
    NOT_FOUND = "not_found"
    ACCESS_DENIED = "access_denied"
    UNKNOWN_STATUS = "unknown_status"
    INTERNAL_ERROR = "internal_error"
    """The wait itself failed: a defect of this package."""


class ReplicationStatus(StrEnum):
    """How many of the requested copies exist: all, some or none."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The row of one action, or of one that was requested and not submitted.

    :param region: slug of the target region of a transfer; ``None`` for a convert.
    :param submission: how the action was obtained; ``None`` if unknown.
    :param wait_status: how the wait ended; ``None`` if there was no wait.
    :param error: what failed, as text.
    :param action: the action as last read, if there is one.
    """

    image_id: int
    droplet_id: int | None = None
    droplet_name: str | None = None
    region: str | None = None
    submission: Submission | None = None
    wait_status: WaitStatus | None = None
    error: str | None = None
    action: ImageAction | None = None

    @property
    def is_completed(self) -> bool:
        """Whether the action has completed and its effect was verified."""
        return self.wait_status is WaitStatus.COMPLETED

    @property
    def is_pending(self) -> bool:
        """Whether there is an action to wait for."""
        return self.wait_status is None and self.action is not None

    @property
    def is_retryable(self) -> bool:
        """Whether another submit, or another wait, may succeed."""
        retried = {WaitStatus.ERRORED, WaitStatus.TIMED_OUT, WaitStatus.INTERNAL_ERROR}
        if self.wait_status is WaitStatus.UNVERIFIED:
            return self.is_ambiguous
        return self.submission is Submission.SUBMIT_FAILED or self.wait_status in retried

    @property
    def is_ambiguous(self) -> bool:
        """Whether an action found after a lost response may be one that another client started.

        It may be if the action does not report the requested region.
        """
        found = self.submission is Submission.RECONCILED and self.action is not None
        return (
            found and self.action is not None and self.region not in {None, self.action.region_slug}
        )

    def to_json(self) -> dict[str, Any]:
        """Return the row: the nine fields of the action and the fields of this package.

        All keys are always present. Without an action its fields are null, except
        ``region_slug``.
        """
        fields = self.action.to_json() if self.action else dict.fromkeys(ImageAction.FIELDS)
        return {
            **fields,
            "region_slug": fields["region_slug"] or self.region,
            "image_id": self.image_id,
            "droplet_id": self.droplet_id,
            "droplet_name": self.droplet_name,
            "submission": self.submission and self.submission.value,
            "wait_status": self.wait_status and self.wait_status.value,
            "error": self.error,
        }

    @classmethod
    def from_json(cls, row: Any) -> ActionResult:
        """Read a row that :meth:`to_json` returned.

        :raises ValueError: for anything else.
        """
        try:
            action = ImageAction.from_json(row) if row["id"] is not None else None
            result = cls(
                check_id("image_id", row["image_id"]),
                droplet_id=row["droplet_id"],
                droplet_name=row["droplet_name"],
                region=row["region_slug"],
                submission=row["submission"] and Submission(row["submission"]),
                wait_status=row["wait_status"] and WaitStatus(row["wait_status"]),
                error=row["error"],
                action=action,
            )
        except (KeyError, TypeError, ValueError, DigitalOceanError) as problem:
            raise ValueError(f"not the row of a result: {shorten(row)}") from problem
        if result.to_json() != row:
            raise ValueError(f"not the row of a result: {shorten(row)}")
        return result


def replication_status(rows: Iterable[ActionResult]) -> ReplicationStatus:
    """Return the status of a set of copies."""
    completed = [row.is_completed for row in rows]
    if all(completed):
        return ReplicationStatus.COMPLETED
    return ReplicationStatus.PARTIAL if any(completed) else ReplicationStatus.FAILED
