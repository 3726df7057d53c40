"""The event of a trigger: the waits that ended, and the rows that the task had when it deferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.core.messages import describe_wait_result
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.wait.spec import WaitResult

VERSION = 1
"""The version of the event and of the trigger's arguments. A reader refuses a newer one."""


def to_event(results: Sequence[WaitResult], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return primitives that :func:`read_event` reads in another process."""
    return {
        "version": VERSION,
        "results": [result.to_event() for result in results],
        "rows": list(rows),
    }


def read_event(event: Any) -> tuple[list[ActionResult], list[WaitResult]]:
    """Return the rows that the task had when it deferred, and how its waits ended.

    :raises ValueError: for anything that is not such an event.
    """
    known = event if isinstance(event, Mapping) else {}
    rows, results = known.get("rows", []), known.get("results")
    is_ours = known.get("version") == VERSION and isinstance(rows, list)
    if not is_ours or not isinstance(results, list) or not results:
        raise ValueError(f"not the event of finished waits: {shorten(event)}")
    return (
        [ActionResult.from_json(row) for row in rows],
        [WaitResult.from_event(result) for result in results],
    )


def merge_wait_results(
    rows: Sequence[ActionResult], results: Sequence[WaitResult]
) -> list[ActionResult]:
    """Return the rows, each pending one with the result of its wait.

    :raises ValueError: unless each result is of a pending row.
    """
    found = {result.wait.action_id: result for result in results}
    pending = {row.action.id: row for row in rows if row.is_pending and row.action}
    if len(found) != len(results) or any(
        id_ not in pending
        or pending[id_].image_id != result.wait.image_id
        or result.wait.region not in {None, pending[id_].region}
        for id_, result in found.items()
    ):
        raise ValueError("the results are not of the actions that the task waited for")
    return [
        described_row(found[row.action.id]) if row.action and row.action.id in found else row
        for row in rows
    ]


def described_row(result: WaitResult) -> ActionResult:
    """Return the row of a result, with the description of a failure as its error."""
    row = result.to_result()
    return row if row.is_completed else replace(row, error=describe_wait_result(result))
