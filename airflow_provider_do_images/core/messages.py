"""The words for the reader of a task log: what happened, to what, and what is going on now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.text import printable
from airflow_provider_do_images.core.wait.evaluate import WaitResult, WaitSpec, WaitStatus

CLEARING_READS = "Clearing this task only looks again; it posts and deletes nothing."
"""What clearing does to a task that reads."""

STARTED_NOTHING = "This request has started nothing; what was started before goes on."
"""What runs after a failure before anything was posted."""

CLEARING_SUBMITS = (
    "Clearing this task is safe, as a retry is: it looks first, submits only what is missing, "
    "joins what still runs, and deletes nothing."
)
"""What clearing does to a task that submits actions."""

CLEARING_DELETES = (
    "Clearing this task plans anew; unless in a dry run it deletes what the new plan gives up, "
    "max_delete images at most, and posts nothing."
)
"""What clearing does to a task that deletes."""

SECONDS_UP_TO = 900.0
"""From how many seconds on an interval is told in minutes or hours."""

HOURS_UP_TO = 48
"""From how many hours on a duration is told in days."""

SLOW_FACTOR = 3.0
"""How many times the usual time an action must take to be called slow."""


def describe_wait_result(verdict: WaitResult) -> str:
    """Say how a wait ended, and what that means for the action at DigitalOcean."""
    wait, action, error = verdict.wait, verdict.action, as_sentence(verdict.error or "")
    what = _describe(wait, action)
    seen = _seen(action)
    waited = duration_text(verdict.decided_at - wait.started_at)
    return {
        WaitStatus.COMPLETED: f"{what} completed{_took(action)}.{_unverified(wait, action)}",
        WaitStatus.ERRORED: (
            f"{what} errored at DigitalOcean{_took(action)}{seen}. The API gives no reason; "
            f"DigitalOcean's support can look it up by the action id. It does not run any more."
        ),
        WaitStatus.UNVERIFIED: (
            f"{what} is completed{seen}, but within {duration_text(wait.verify_timeout)} the "
            "image did "
            f"not show it. {error} It does not run any more. Do not rely on this copy before you "
            f"have seen it."
        ),
        WaitStatus.TIMED_OUT: (
            f"{what} timed out: not finished after {waited} of waiting. {_state(verdict)}"
        ),
        WaitStatus.NOT_FOUND: (
            f"{what} is not there (waited {waited}): the image was deleted or has expired, or the "
            f"action belongs to another image. Whether it still runs is not known. {error}"
        ),
        WaitStatus.ACCESS_DENIED: (
            f"{what} can no longer be watched (waited {waited}), though it may go on at "
            f"DigitalOcean. {error}"
        ),
        WaitStatus.UNKNOWN_STATUS: (
            f"{what} cannot be judged: whether it still runs is not known. {error}"
        ),
        WaitStatus.INTERNAL_ERROR: (
            f"Waiting for {what} failed with an error of this provider; the action may still be "
            f"running. {error}"
        ),
    }[verdict.outcome]


def clock_time(moment: float) -> str:
    """Write Unix seconds as a time of day in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def deadline_text(wait: WaitSpec) -> str:
    """Write when the wait is given up."""
    return f"{datetime.fromtimestamp(wait.deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"


def describe_waits(
    waits: Sequence[WaitSpec], seen: Mapping[int, ImageAction], poll_interval: float, now: float
) -> str:
    """Say what is waited for and since when, when the next look is, and when the last one.

    :param waits: at least one, all of the same image.
    :param seen: their actions as last seen, by their ids.
    """
    first, *others = waits
    if others:
        each = [f"to {_where(wait)}{_since(wait, seen, now)}" for wait in waits]
        what = f"{len(waits)} copies of {_image(first)}: {'; '.join(each)}"
    else:
        action = seen.get(first.action_id)
        what = f"the {_describe(first, action)}{_since(first, seen, now)}"
    last = max(waits, key=lambda wait: wait.deadline)
    next_look = min(now + poll_interval, *(wait.deadline for wait in waits))
    return (
        f"Waiting for {what}. Looking every {interval_text(poll_interval)}, next at "
        f"{clock_time(next_look)}; gives up at {deadline_text(last)}, in "
        f"{duration_text(last.deadline - now)}."
    )


def describe_interval_change(present: float, wanted: float, next_look: float, why: str) -> str:
    """Say how often is looked at present, why not as often as wanted, and when next."""
    if present <= wanted:
        return f"Looking every {interval_text(wanted)} again."
    return (
        f"Looking every {interval_text(present)} for now, not every {interval_text(wanted)}: "
        f"{why}. The "
        f"next look is at {clock_time(next_look)}."
    )


def describe_wait_results(verdicts: Sequence[WaitResult]) -> str:
    """Say shortly which of several waits have ended, and how."""
    each = [
        f"{_where(verdict.wait)} {verdict.outcome.value}{_took(verdict.action)}"
        for verdict in verdicts
    ]
    return f"Ended: {'; '.join(each)}."


def describe_not_cancelled(waits: Sequence[WaitSpec]) -> str:
    """Tell whoever stops waits that it stops nothing else."""
    what = "; ".join(_describe(wait, None) for wait in waits)
    return (
        f"No longer waiting here for the {what}. DigitalOcean has no way to cancel an action: it "
        f"goes on, and a new wait joins it."
    )


def describe_slow_action(wait: WaitSpec, action: ImageAction, now: float) -> str | None:
    """Say that an action takes, or took, several times as long as such actions took lately."""
    if wait.typical_seconds is None or action.started_at is None:
        return None
    ended = action.completed_at.timestamp() if action.completed_at else now
    seconds = ended - action.started_at.timestamp()
    if seconds < SLOW_FACTOR * wait.typical_seconds:
        return None
    verb = "took" if action.completed_at else "is not finished after"
    usual = duration_text(wait.typical_seconds)
    return (
        f"{_describe(wait, action)} {verb} {duration_text(seconds)}; lately such ones took {usual}."
    )


def droplet_text(name: str | None, number: int | None) -> str:
    """Write which droplet it is, by all that is known: ``droplet web-1 (42)``, or nothing."""
    name = printable(name or "")
    if name and number:
        return f"droplet {name} ({number})"
    return f"droplet {name or number}" if name or number else ""


def image_text(number: int, droplet_name: str | None, droplet_id: int | None) -> str:
    """Write which image it is, and of which droplet, if that is known."""
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
    return f"{wait.region or 'an unknown region'} (action {wait.action_id})"


def _unverified(wait: WaitSpec, action: ImageAction | None) -> str:
    """Say that a transfer's copy could not be verified, since nobody tells its region."""
    if action is None or action.type != "transfer" or wait.region or action.region_slug:
        return ""
    return " It does not tell its region, so the copy was not verified."


def _since(wait: WaitSpec, seen: Mapping[int, ImageAction], now: float) -> str:
    action = seen.get(wait.action_id)
    usual = f", usually {duration_text(wait.typical_seconds)}" if wait.typical_seconds else ""
    if action is None or action.started_at is None:
        return usual
    return f", in progress since {duration_text(now - action.started_at.timestamp())}{usual}"


def _state(verdict: WaitResult) -> str:
    """Say what was last known of an action that is not waited for any longer."""
    action = verdict.action
    if action and action.status is ActionStatus.COMPLETED:
        return "The action itself is completed; the image did not show it yet."
    unless = " unless it has ended by now"
    if verdict.error:
        seen = f"The last look failed: {as_sentence(verdict.error)}"
    elif action is None:
        seen = "It was not seen yet."
    else:
        started, unless = action.started_at, ""
        age = duration_text(verdict.decided_at - started.timestamp()) if started else ""
        seen = f"It is in-progress{age and f', for {age} by now'}{_seen(action)}."
    return (
        f"{seen} Nothing was cancelled: it goes on at DigitalOcean{unless}, and a new wait for "
        f"these ids joins it."
    )


def as_sentence(text: object) -> str:
    """Write a text on one line, with one full stop behind it, if there is any."""
    words = printable(str(text)).rstrip(".")
    return f"{words}." if words else ""


def describe_last_good_copy(what: str, since: datetime, now: float) -> str:
    """Say which copy there is in any case, and how old it is.

    :param what: the image, where it is, and what happened then.
    """
    age = duration_text(now - since.timestamp())
    return f"Last good copy: {printable(what)} {format_time(since)}, {age} old."


def _seen(action: ImageAction | None) -> str:
    return f" (seen with request id {action.request_id})" if action and action.request_id else ""


def _took(action: ImageAction | None) -> str:
    if action is None or action.started_at is None or action.completed_at is None:
        return ""
    return f" after {duration_text((action.completed_at - action.started_at).total_seconds())}"


def interval_text(seconds: float) -> str:
    """Write how long it is from one look to the next: in seconds, unless these are very many."""
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
