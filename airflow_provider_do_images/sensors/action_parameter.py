"""What the sensor waits for, from its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_do_images._airflow.clearing import CLEARING_READS
from airflow_provider_do_images._airflow.upstream_rows import ACTION
from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id
from airflow_provider_do_images.core.messages import as_sentence
from airflow_provider_do_images.core.results import Submission, WaitStatus
from airflow_provider_do_images.exceptions import NO_ACTION, PermanentTaskError

_FAILURES = {Submission.REJECTED, Submission.SUBMIT_FAILED, *WaitStatus} - {WaitStatus.COMPLETED}
"""The codes with which a row can report a failure."""


def finished_row(action: Any) -> dict[str, Any] | None:
    """Return a row that says ``already_exists``; ``None`` if there is an action to wait for.

    :raises PermanentTaskError: for any other row without an action, with the failure that it
        reports.
    """
    if not isinstance(action, Mapping) or action.get("image_id") is None:
        return None
    if "id" not in action or action["id"] is not None:
        return None
    image_id = check_id("action['image_id']", action["image_id"])
    submission, status = action.get("submission"), action.get("wait_status")
    error = action.get("error")
    exists = status == WaitStatus.COMPLETED or (
        status is None and submission == Submission.ALREADY_EXISTS
    )
    if exists and error is None and action.get("status") in (None, "completed"):
        return dict(action)
    to = f" in {shorten(action['region_slug'])}" if action.get("region_slug") else ""
    codes = [code for code in (status, submission) if isinstance(code, str) and code in _FAILURES]
    raise PermanentTaskError(
        f"image {image_id}{to}: the row has no action to wait for. "
        f"{as_sentence(error if isinstance(error, str) else '')} Clear the task that returned it. "
        f"{CLEARING_READS}",
        str(codes[0]) if codes else NO_ACTION,
    )


def ids_to_wait_for(action: Any, image_id: Any, action_id: Any) -> tuple[int, int]:
    """Return image id and action id.

    :raises InvalidInputError: with the correct line of code.
    """
    if action is None and (image_id is None or action_id is None):
        raise InvalidInputError(
            "pass either action=transfer.output (a row that is not empty), or both image_id and "
            f"action_id; got action={shorten(action)}, image_id={shorten(image_id)}, "
            f"action_id={shorten(action_id)}"
        )
    if action is None:
        return check_id("image_id", image_id), check_id("action_id", action_id)
    if image_id is not None or action_id is not None:
        raise InvalidInputError("pass either action, or image_id and action_id, not both")
    row = ACTION.row(action)
    return check_id("action['image_id']", row["image_id"]), check_id("action['id']", row["id"])
