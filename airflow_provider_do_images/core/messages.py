"""Texts for log lines and error messages: actions, waits, images, durations. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.text import printable
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

SECONDS_UP_TO = 900.0
"""Intervals of at least this number of seconds are written in minutes or hours."""

HOURS_UP_TO = 48
"""Durations of at least so many hours are written in days."""

SLOW_FACTOR = 3.0
"""An action is slow if it takes at least this multiple of its typical duration."""


def describe_wait_result(result: WaitResult) -> str:
    """Describe how a wait ended, why, and whether the action continues at DigitalOcean."""
    wait, action, error = result.wait, result.action, as_sentence(result.error or "")
    what = _describe(wait, action)
    request = _request_id(action)
    waited = duration_text(result.decided_at - wait.started_at)
    return {
        WaitStatus.COMPLETED: f"{what} completed{_took(action)}.{_unverified(wait, action)}",
        WaitStatus.ERRORED: (
            f"{what} errored at DigitalOcean{_took(action)}{request}. The API gives no reason; "
            f"DigitalOcean's support can find it by the action id."
        ),
        WaitStatus.UNVERIFIED: (
            f"{what} is completed{request}, but the image did not show its effect within "
            f"{duration_text(wait.verify_timeout)}. {error} Verify the copy before you rely on it."
        ),
        WaitStatus.TIMED_OUT: (
            f"{what} timed out after {waited} of waiting. {_last_known_state(result)}"
        ),
        WaitStatus.NOT_FOUND: (
            f"{what} was not found after {waited} of waiting: the image was deleted or "
            f"has expired, or the action belongs to another image. {error}"
        ),
        WaitStatus.ACCESS_DENIED: (
            f"{what} can no longer be read after {waited} of waiting; it may continue at "
            f"DigitalOcean. {error}"
        ),
        WaitStatus.UNKNOWN_STATUS: (
            f"{what} has a status that this version does not know; it may still be in progress. "
            f"{error}"
        ),
        WaitStatus.INTERNAL_ERROR: (
            f"The wait for {what} failed with an internal error; the action may still be in "
            f"progress. {error}"
        ),
    }[result.status]


def clock_time(moment: float) -> str:
    """Write Unix seconds as a time of day in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def deadline_text(wait: WaitSpec) -> str:
    """Write when the wait times out."""
    return f"{datetime.fromtimestamp(wait.deadline, UTC):%Y-%m-%d %H:%M} UTC"


def describe_waits(
    waits: Sequence[WaitSpec], seen: Mapping[int, ImageAction], poll_interval: float, now: float
) -> list[str]:
    """Describe what a task waits for: one line, and one more per action if there are several.

    :param waits: at least one, all of the same image.
    :param seen: their actions as last read, by their ids.
    """
    first, *others = waits
    last = max(waits, key=lambda wait: wait.deadline)
    times = f"polling every {interval_text(poll_interval)}, timeout {deadline_text(last)}"
    if not others:
        what = _describe(first, seen.get(first.action_id))
        return [f"Waiting for the {what}, {times}.{_progress(first, seen, now, ' Currently ')}"]
    return [
        f"Waiting for {len(waits)} transfers of {_image(first)}, {times}:",
        *(f"  {_where(wait)}{_progress(wait, seen, now, '  ')}" for wait in waits),
    ]


def describe_interval_change(present: float, wanted: float, next_poll: float, why: str) -> str:
    """Describe the present polling interval, the reason for it, and the time of the next poll."""
    if present <= wanted:
        return f"Polling interval back to {interval_text(wanted)}."
    return (
        f"Polling interval raised from {interval_text(wanted)} to {interval_text(present)}: {why}. "
        f"Next poll at {clock_time(next_poll)}."
    )


def describe_ended_wait(result: WaitResult) -> str:
    """Describe briefly how one of several waits ended."""
    return f"{_where(result.wait)}  {result.status.value}{_took(result.action)}"


def describe_not_cancelled(waits: Sequence[WaitSpec]) -> str:
    """Describe what continues at DigitalOcean after the task was stopped."""
    what = "; ".join(_describe(wait, None) for wait in waits)
    return (
        f"Stopped waiting for the {what}. DigitalOcean cannot cancel an action: it continues, and "
        f"another run of the task attaches to it."
    )


def describe_slow_action(wait: WaitSpec, action: ImageAction, now: float) -> str | None:
    """Describe an action that takes, or took, several times as long as usual."""
    if wait.typical_seconds is None or action.started_at is None:
        return None
    ended = action.completed_at.timestamp() if action.completed_at else now
    seconds = ended - action.started_at.timestamp()
    if seconds < SLOW_FACTOR * wait.typical_seconds:
        return None
    verb = "took" if action.completed_at else "has been in progress for"
    return (
        f"{_describe(wait, action)} {verb} {duration_text(seconds)}; recent ones took "
        f"{duration_text(wait.typical_seconds)}."
    )


def droplet_text(name: str | None, number: int | None) -> str:
    """Write the droplet by what is known: ``droplet web-1 (42)``, or an empty text."""
    name = printable(name or "")
    if name and number:
        return f"droplet {name} ({number})"
    return f"droplet {name or number}" if name or number else ""


def image_text(number: int, droplet_name: str | None, droplet_id: int | None) -> str:
    """Write the image, and its droplet if known."""
    of = droplet_text(droplet_name, droplet_id)
    return f"image {number}{of and f' of {of}'}"


def _image(wait: WaitSpec) -> str:
    return image_text(wait.image_id, wait.droplet_name, wait.droplet_id)


def _describe(wait: WaitSpec, action: ImageAction | None) -> str:
    kind = action.type if action and action.type else "action"
    slug = wait.region or (action.region_slug if action else None)
    region = f" to {slug}" if slug else ""
    return printable(f"{kind} of {_image(wait)}{region} (action {wait.action_id})")


def _where(wait: WaitSpec) -> str:
    return f"{wait.region or 'unknown region'}  action {wait.action_id}"


def _unverified(wait: WaitSpec, action: ImageAction | None) -> str:
    """Say that a transfer could not be verified because its region is unknown."""
    if action is None or action.type != "transfer" or wait.region or action.region_slug:
        return ""
    return " Its region is unknown, so the copy is not verified."


def _progress(wait: WaitSpec, seen: Mapping[int, ImageAction], now: float, before: str) -> str:
    action = seen.get(wait.action_id)
    usual = f"usually {duration_text(wait.typical_seconds)}" if wait.typical_seconds else ""
    since = ""
    if action and action.started_at:
        since = f"in progress, {duration_text(now - action.started_at.timestamp())}"
    known = ", ".join(part for part in (since, usual) if part)
    return known and f"{before}{known}"


def _last_known_state(result: WaitResult) -> str:
    """Describe what was last known of an action that did not finish in time."""
    action = result.action
    if action and action.status is ActionStatus.COMPLETED:
        return "The action is completed, but the image did not show its effect yet."
    if result.error:
        seen = f"The last poll failed: {as_sentence(result.error)}"
    elif action is None:
        seen = "It was never read."
    else:
        started = action.started_at
        age = duration_text(result.decided_at - started.timestamp()) if started else ""
        seen = f"It is in progress{age and f', {age}'}{_request_id(action)}."
    return f"{seen} The action continues at DigitalOcean; a cleared task waits for it again."


def as_sentence(text: object) -> str:
    """Write a text on one line that ends with one full stop; an empty text stays empty."""
    words = printable(str(text)).rstrip(".")
    return f"{words}." if words else ""


def describe_last_good_copy(what: str, since: datetime, now: float) -> str:
    """Name the last good copy and its age.

    :param what: the image, its regions, and what happened at that time.
    """
    age = duration_text(now - since.timestamp())
    return f"Last good copy: {printable(what)} {format_time(since)}, {age} old."


def _request_id(action: ImageAction | None) -> str:
    return f" (request id {action.request_id})" if action and action.request_id else ""


def _took(action: ImageAction | None) -> str:
    if action is None or action.started_at is None or action.completed_at is None:
        return ""
    return f" after {duration_text((action.completed_at - action.started_at).total_seconds())}"


def interval_text(seconds: float) -> str:
    """Write a polling interval: in seconds, or from 15 min on in minutes or hours."""
    return f"{seconds:.3g} s" if seconds < SECONDS_UP_TO else duration_text(seconds)


def duration_text(seconds: float) -> str:
    """Write seconds as people say them: ``45 s``, ``12 min 5 s``, ``1 h 20 min``, ``60 d 1 h``."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours >= HOURS_UP_TO:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"
