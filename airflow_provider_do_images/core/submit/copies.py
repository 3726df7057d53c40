"""Copies of one image in a set of regions: what a user asks for, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from airflow_provider_do_images.api import Image, InvalidInputError
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id, check_string
from airflow_provider_do_images.core.messages import (
    CLEARING_SUBMITS,
    as_sentence,
    describe_last_good_copy,
    describe_wait_result,
    image_text,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.upstream_rows import UpstreamRow
from airflow_provider_do_images.core.wait.evaluate import WaitResult, WaitStatus, may_be_of_another

REFUSED = "refused"
"""The ``outcome`` of a region without an action, and its ``end`` if the API refuses it for good."""

SUBMIT_FAILED = "submit_failed"
"""The ``end`` of a region whose submit failed in a way that a retry may help."""

_RETRIED = {
    SUBMIT_FAILED,
    WaitStatus.ERRORED.value,
    WaitStatus.TIMED_OUT.value,
    WaitStatus.INTERNAL_ERROR.value,
}


_IMAGE = UpstreamRow(
    "image",
    operator="DigitalOceanReplicateImageOperator",
    made_by="a task that has an image_id",
    keys=("image_id",),
    one="image=convert.output",
    many="image=converts.output",
)


class ReplicationStatus(StrEnum):
    """How many of the wanted copies are there: all, some or none."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """The image to copy, and what is known of the droplet it was made of."""

    image_id: int
    droplet_id: int | None = None
    droplet_name: str | None = None

    @classmethod
    def checked(cls, image: Any, image_id: Any) -> ImageRef:
        """Build from what a user gave: a row of another task, whole, or an id.

        :raises InvalidInputError: with the line that would be right, for what people get wrong.
        """
        if (image is None) == (image_id is None):
            raise InvalidInputError(
                f"give either image=convert.output (a row, whole) or image_id; "
                f"got image={shorten(image)}, image_id={shorten(image_id)}"
            )
        if image is None:
            return cls(check_id("image_id", image_id))
        row = _IMAGE.row(image)
        droplet_id, name = row.get("droplet_id"), row.get("droplet_name")
        return cls(
            check_id("image['image_id']", row["image_id"]),
            None if droplet_id is None else check_id("image['droplet_id']", droplet_id),
            None if name is None else check_string("image['droplet_name']", name),
        )

    def __str__(self) -> str:
        return image_text(self.image_id, self.droplet_name, self.droplet_id)


def merge_wait_results(
    rows: Sequence[ActionResult], verdicts: Sequence[WaitResult]
) -> list[ActionResult]:
    """Return the rows, each that had no ``end`` with the one that its wait came to.

    :raises ValueError: unless the verdicts are of just those.
    """
    found = {verdict.wait.region: verdict for verdict in verdicts}
    waited = {row.region: row for row in rows if row.end is None}
    if (
        len(verdicts) != len(found)
        or set(found) != set(waited)
        or any(
            (row.image_id, row.action and row.action.id)
            != (found[region].wait.image_id, found[region].wait.action_id)
            for region, row in waited.items()
        )
    ):
        raise ValueError("the ends are not those of the actions that were waited for")
    return [_row(found[row.region]) if row.end is None else row for row in rows]


def read_event(event: Any) -> list[ActionResult]:
    """Return the rows of a finished replication from the event of its trigger.

    :raises ValueError: for anything that is not such an event, in all its parts.
    """
    if not isinstance(event, Mapping) or set(event) != {"rows", "verdicts"}:
        raise ValueError(f"not the event of finished waits: {shorten(event)}")
    rows, verdicts = event["rows"], event["verdicts"]
    if not isinstance(rows, list) or not isinstance(verdicts, list) or not rows:
        raise ValueError(f"not the event of finished waits: {shorten(event)}")
    return merge_wait_results(
        [ActionResult.from_json(row) for row in rows],
        [WaitResult.from_event(verdict) for verdict in verdicts],
    )


def read_unblocked(event: Any) -> tuple[list[ActionResult], list[WaitResult]]:
    """Return the rows that a blocked task had by then, and how the blocking transfers ended.

    :raises ValueError: for anything that is not such an event, in all its parts.
    """
    known = event if isinstance(event, Mapping) else {}
    rows, verdicts = known.get("rows"), known.get("verdicts")
    if not isinstance(rows, list) or not isinstance(verdicts, list) or not verdicts:
        raise ValueError(f"not the event of finished waits: {event!r}")
    return (
        [ActionResult.from_json(row) for row in rows],
        [WaitResult.from_event(verdict) for verdict in verdicts],
    )


def _row(verdict: WaitResult) -> ActionResult:
    row = verdict.to_result()
    return row if is_completed(row) else replace(row, error=describe_wait_result(verdict))


def is_completed(row: ActionResult) -> bool:
    """Whether the copy is in its region."""
    return row.end == WaitStatus.COMPLETED.value


def replication_status(rows: Iterable[ActionResult]) -> ReplicationStatus:
    """Return the aggregate of the rows."""
    there = [is_completed(row) for row in rows]
    if all(there):
        return ReplicationStatus.COMPLETED
    return ReplicationStatus.PARTIAL if any(there) else ReplicationStatus.FAILED


def is_retryable(rows: Iterable[ActionResult]) -> bool:
    """Whether one of the missing copies could come of submitting, or waiting, again."""
    return any(row.end in _RETRIED or _is_of_another(row) for row in rows)


def _is_of_another(row: ActionResult) -> bool:
    unverified = row.end == WaitStatus.UNVERIFIED.value
    return unverified and may_be_of_another(row.outcome, row.region, row.action)


def source_to_json(image: Image) -> dict[str, Any]:
    """Return what :func:`tell` reads of the image, for ``Image.from_json``."""
    return {
        "id": image.id,
        "name": image.name,
        "regions": list(image.regions),
        "created_at": format_time(image.created_at),
        "status": image.status,
    }


def describe_replication(
    rows: Sequence[ActionResult], now: float, source: Image | None = None
) -> str:
    """Say which copies are there and why others are not, and what a retry would do.

    :param now: the time, in Unix seconds.
    :param source: the image as it was before the submits, if that is known.
    """
    first = rows[0]
    what = ImageRef(first.image_id, first.droplet_id, first.droplet_name)
    there = ", ".join(str(row.region) for row in rows if is_completed(row))
    missing = [row for row in rows if not is_completed(row)]
    count = f"{len(rows) - len(missing)} of {len(rows)} copies of {what} are there"
    head = f"{replication_status(rows)}: {count}{there and f' ({there})'}."
    if not missing:
        return head
    why = " ".join(f"{row.region}: {as_sentence(row.error)}" for row in missing)
    cause = "" if is_retryable(rows) else " A retry would meet the same: remove the cause."
    return f"{head} {why}{_last_copy(rows, what, now, source)}{cause} {CLEARING_SUBMITS}"


def _last_copy(
    rows: Sequence[ActionResult], what: ImageRef, now: float, source: Image | None
) -> str:
    if source is None or any(row.end == WaitStatus.NOT_FOUND.value for row in rows):
        return ""
    arrived = [str(row.region) for row in rows if is_completed(row)]
    words = source_copy(str(what), source, now, arrived)
    return words and f" {words}"


def source_copy(what: str, source: Image | None, now: float, arrived: Sequence[str] = ()) -> str:
    """Name all regions that have the image, with the age of its data, as the audit does.

    :param what: the image, in words.
    :param source: the image as it was seen last, if it was.
    :param arrived: regions that have it since.
    """
    if source is None or source.status not in (None, "available"):
        return ""
    name = SnapshotName.parse(source.name)
    since = name.taken_at if name else source.created_at
    if since is None:
        return ""
    regions = ", ".join(dict.fromkeys([*source.regions, *arrived]))
    return describe_last_good_copy(f"{what}, seen in {regions}, of", since, now)
