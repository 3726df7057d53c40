"""The words for the reader of a task log: what happened, to what, and what is going on now."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_do_images.actions.judge import Outcome, Verdict, Wait
from airflow_provider_do_images.api import ActionStatus, ImageAction

SLOW = 3.0
"""How many times the usual time an action must take to be called slow."""


def explain(verdict: Verdict) -> str:
    """Say how a wait ended, and what that means for the action at DigitalOcean."""
    wait, action, error = verdict.wait, verdict.action, verdict.error
    what = _describe(wait, action)
    waited = duration(verdict.decided_at - wait.started_at)
    return {
        Outcome.COMPLETED: f"{what} completed{_took(action)}.",
        Outcome.ERRORED: (
            f"{what} errored at DigitalOcean{_took(action)}. The API gives no reason; "
            f"DigitalOcean's support can look it up by the action id."
        ),
        Outcome.UNPROVED: (
            f"{what} is completed, but within {duration(wait.proof_timeout)} the image did not "
            f"show it. {error} Do not rely on this copy before you have seen it."
        ),
        Outcome.TIMED_OUT: (
            f"{what} timed out: not finished after {waited} of waiting. {_state(verdict)} Nothing "
            f"was cancelled: it goes on at DigitalOcean, and a new wait for these ids joins it."
        ),
        Outcome.GONE: (
            f"{what} is not there (waited {waited}): the image was deleted or has expired, or the "
            f"action belongs to another image. {error}"
        ),
        Outcome.NOT_ALLOWED: (
            f"{what} can no longer be watched (waited {waited}), though it may go on at "
            f"DigitalOcean. {error}"
        ),
        Outcome.NOT_UNDERSTOOD: f"{what} cannot be judged: {error}",
    }[verdict.outcome]


def deadline(wait: Wait) -> str:
    """Write when the wait is given up."""
    return f"{datetime.fromtimestamp(wait.deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"


def goes_on(wait: Wait) -> str:
    """Tell whoever stops the wait that it stops nothing else."""
    return (
        f"No longer waiting here for the {_describe(wait, None)}. DigitalOcean has no way to "
        f"cancel an action: it goes on, and a new wait joins it."
    )


def tell_slow(wait: Wait, action: ImageAction, now: float) -> str | None:
    """Say that an action takes, or took, several times as long as such actions took lately."""
    if wait.usual_seconds is None or action.started_at is None:
        return None
    ended = action.completed_at.timestamp() if action.completed_at else now
    seconds = ended - action.started_at.timestamp()
    if seconds < SLOW * wait.usual_seconds:
        return None
    verb = "took" if action.completed_at else "is not finished after"
    usual = duration(wait.usual_seconds)
    return f"{_describe(wait, action)} {verb} {duration(seconds)}; lately such ones took {usual}."


def _describe(wait: Wait, action: ImageAction | None) -> str:
    kind = action.type if action and action.type else "action"
    slug = wait.region or (action.region_slug if action else None)
    region = f" to {slug}" if slug else ""
    droplet = f" of droplet {wait.droplet_name or wait.droplet_id}" if wait.droplet_id else ""
    return f"{kind} of image {wait.image_id}{droplet}{region} (action {wait.action_id})"


def _state(verdict: Verdict) -> str:
    """Say what was last known of an action that is not waited for any longer."""
    if verdict.error:
        return f"The last look failed: {verdict.error}"
    if verdict.action is None:
        return "It was not seen yet."
    if verdict.action.status is ActionStatus.COMPLETED:
        return "The action itself is completed; the image did not show it yet."
    started = verdict.action.started_at
    age = f", for {duration(verdict.decided_at - started.timestamp())} by now" if started else ""
    return f"It is in-progress{age}."


def _took(action: ImageAction | None) -> str:
    if action is None or action.started_at is None or action.completed_at is None:
        return ""
    return f" after {duration((action.completed_at - action.started_at).total_seconds())}"


def duration(seconds: float) -> str:
    """Write seconds as people say them: ``45 s``, ``12 min 5 s``, ``1 h 20 min``."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"
