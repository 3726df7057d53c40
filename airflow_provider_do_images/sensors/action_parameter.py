"""What the sensor is given to wait for: a row of another task, or two ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id
from airflow_provider_do_images.core.messages import CLEARING_READS, as_sentence
from airflow_provider_do_images.core.submit.copies import REFUSED, SUBMIT_FAILED
from airflow_provider_do_images.core.submit.decide import SubmitOutcome
from airflow_provider_do_images.core.upstream_rows import UpstreamRow
from airflow_provider_do_images.core.wait.evaluate import WaitStatus
from airflow_provider_do_images.exceptions import NO_ACTION, PermanentTaskError

_ACTION = UpstreamRow(
    "action",
    operator="DigitalOceanImageActionSensor",
    made_by="a convert or transfer operator",
    keys=("id", "image_id"),
    one="action=transfer.output",
    many="action=transfers.output",
)

_ENDS = {REFUSED, SUBMIT_FAILED, *WaitStatus} - {WaitStatus.COMPLETED}
"""The codes of what a row says that it failed with."""


def finished_row(action: Any) -> dict[str, Any] | None:
    """Return the row of a submit that found everything there; ``None`` if there is an action.

    :raises PermanentTaskError: for a row without an action that says anything else, with the
        failure that it tells.
    """
    if not isinstance(action, Mapping) or action.get("image_id") is None:
        return None
    if "id" not in action or action["id"] is not None:
        return None
    image_id = check_id("action['image_id']", action["image_id"])
    end, error = action.get("end"), action.get("error")
    there = end == WaitStatus.COMPLETED or (
        end is None and action.get("outcome") == SubmitOutcome.ALREADY_EXISTS
    )
    if there and error is None and action.get("status") in (None, "completed"):
        return dict(action)
    to = f" in {shorten(action['region_slug'])}" if action.get("region_slug") else ""
    raise PermanentTaskError(
        f"image {image_id}{to}: the row has no action to wait for, and its end is {shorten(end)}. "
        f"{as_sentence(error if isinstance(error, str) else '')} Clear the task that returned it. "
        f"{CLEARING_READS}",
        end if isinstance(end, str) and end in _ENDS else NO_ACTION,
    )


def ids_to_wait_for(action: Any, image_id: Any, action_id: Any) -> tuple[int, int]:
    """Return image id and action id from what the sensor was given.

    :raises InvalidInputError: with the line that would be right, for what people get wrong.
    """
    if action is None and (image_id is None or action_id is None):
        raise InvalidInputError(
            "give either action=transfer.output (a result that is not empty), or both image_id and "
            f"action_id; got action={shorten(action)}, image_id={shorten(image_id)}, "
            f"action_id={shorten(action_id)}"
        )
    if action is None:
        return check_id("image_id", image_id), check_id("action_id", action_id)
    if image_id is not None or action_id is not None:
        raise InvalidInputError("give either action, or image_id and action_id, not both")
    row = _ACTION.row(action)
    return check_id("action['image_id']", row["image_id"]), check_id("action['id']", row["id"])
