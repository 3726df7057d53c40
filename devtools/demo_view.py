"""Output of the demo: the tasks while they run, and the actions at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from airflow_provider_do_images.api.text import printable

WORDS = {
    None: "",
    "scheduled": "queued",
    "success": "done",
    "deferred": "waiting in the triggerer",
    "up_for_retry": "waiting for a retry",
}


@dataclass(frozen=True)
class Step:
    """The displayed fields of a task instance."""

    task: str
    region: str
    state: str | None
    seconds: float

    @classmethod
    def from_task_instance(cls, row: dict[str, Any]) -> Step:
        """Return the step of a row of Airflow's REST API."""
        fields = row["rendered_fields"] or {}
        region = fields.get("region") or _of_action(fields.get("action"))
        begin = _time(row["start_date"])
        end = _time(row["end_date"]) if row["state"] == "success" else None
        seconds = ((end or datetime.now(UTC)) - begin).total_seconds() if begin else 0.0
        return cls(row["task_id"], region, row["state"], max(seconds, 0.0))

    @property
    def text(self) -> str:
        """The state in words."""
        return WORDS.get(self.state, self.state or "")


class Progress:
    """Displays the steps: as a live table, or as lines if there is no terminal.

    :param console: the output
    :param title: the table's title
    :param speed: simulated seconds per second
    """

    def __init__(self, console: Console, title: str, speed: float) -> None:
        self._console = console
        self._title = title
        self._speed = speed
        self._printed: set[str] = set()
        self._live = Live(console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        """Start drawing, if there is a terminal."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop drawing; the last table stays."""
        if self._live:
            self._live.stop()

    def show(self, steps: Sequence[Step]) -> None:
        """Update the table, or print a line for each change."""
        if self._live:
            self._live.update(self._table(steps), refresh=True)
            return
        for step in steps:
            line = f"{step.task} {step.region}".rstrip() + f": {step.text}"
            if step.text and line not in self._printed:
                self._printed.add(line)
                self._console.print(verbatim(f"  {line} {self._time(step)}".rstrip()))

    def _table(self, steps: Sequence[Step]) -> Table:
        headings = ("task", "region", "state", "time")
        table = Table(*headings, title=verbatim(self._title), box=SIMPLE_HEAD, min_width=76)
        for step in steps:
            cells = (step.task, step.region, step.text, self._time(step))
            table.add_row(*map(verbatim, cells))
        return table

    def _time(self, step: Step) -> str:
        """Return the duration of a step; for a wait, also in simulated time."""
        if not step.seconds:
            return ""
        here = f"{step.seconds:.0f} s"
        if step.state != "deferred":
            return here
        return f"{here} (simulated {minutes(timedelta(seconds=step.seconds * self._speed))})"


def copies_table(actions: Iterable[dict[str, Any]], entries: Sequence[Any]) -> Table:
    """Return a table of finished actions.

    :param actions: results of operators or sensors
    :param entries: the simulator's journal
    """
    headings = ("image", "what", "region", "action", "status", "duration", "polls", "POSTs")
    title = "Actions, in the simulator's time"
    table = Table(*headings, title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for action in actions:
        path = f"/v2/images/{action['image_id']}/actions"
        region = action["region_slug"]
        polls = sum(entry.path == f"{path}/{action['id']}" for entry in entries)
        posts = sum(
            (entry.method, entry.path) == ("POST", path) and entry.body.get("region") == region
            for entry in entries
        )
        cells = (
            str(action["image_id"]),
            action["type"].removesuffix("_to_snapshot"),
            region or "",
            str(action["id"]),
            action["status"],
            _duration(action),
            str(polls),
            str(posts),
        )
        table.add_row(*map(verbatim, cells))
    return table


def verbatim(text: str) -> Text:
    """Return text that rich prints without markup, with control characters escaped."""
    return Text(printable(text))


def minutes(duration: timedelta) -> str:
    """Return a duration in minutes and seconds."""
    whole = round(duration.total_seconds())
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"  # noqa: PLR2004


def _duration(action: dict[str, Any]) -> str:
    begin, end = _time(action["started_at"]), _time(action["completed_at"])
    return minutes(end - begin) if begin and end else ""


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _of_action(action: Any) -> str:
    """Return the region of a sensor's rendered argument, if it is already rendered."""
    return (action.get("region_slug") or "") if isinstance(action, dict) else ""
