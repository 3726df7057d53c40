"""Evaluate the response to a poll: continue, succeed or fail. Pure: no clock, no I/O."""

from __future__ import annotations

from airflow_provider_do_images.api import (
    ActionStatus,
    AuthenticationError,
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnknownStatusError,
)
from airflow_provider_do_images.core.action_filter import is_type
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

NOT_FOUND_GRACE = 120.0
"""Seconds from the start of a wait in which a 404 does not end it: a new action may not be readable
at once (read-after-write 404s are reported for this API)."""


def evaluate_poll(
    wait: WaitSpec, response: ImageAction | DigitalOceanError, now: float
) -> WaitResult | None:
    """Return how the wait ends with this response, or ``None`` to continue.

    A finished action never times out. A failed poll (429, 5xx, no response, HTML) never ends a wait
    before its deadline.

    :param now: the time, in Unix seconds.
    """
    timed_out = now >= wait.deadline
    if isinstance(response, ImageAction):
        final = {
            ActionStatus.COMPLETED: WaitStatus.COMPLETED,
            ActionStatus.ERRORED: WaitStatus.ERRORED,
        }
        status = final.get(response.status) or (WaitStatus.TIMED_OUT if timed_out else None)
        return WaitResult(status, wait, now, action=response) if status else None
    status = _status_of_error(response, in_grace=now < wait.started_at + NOT_FOUND_GRACE)
    if status is None and timed_out:
        status = WaitStatus.TIMED_OUT
    return WaitResult(status, wait, now, error=str(response)) if status else None


def is_verified(wait: WaitSpec, action: ImageAction, image: Image) -> bool:
    """Whether the image shows the effect of the completed action.

    Actions other than convert and transfer have no visible effect on the image. The effect of a
    transfer to an unknown region cannot be verified.
    """
    if action.type == "transfer" or wait.region:
        region = wait.region or action.region_slug
        return region is None or region in image.regions
    if is_type(action, "convert"):
        return image.type == "snapshot"
    return True


def evaluate_verification(
    wait: WaitSpec,
    action: ImageAction,
    response: Image | DigitalOceanError,
    now: float,
    until: float,
) -> WaitResult | None:
    """Return how the wait for a completed action ends with a read of its image, or ``None``.

    :param until: the end of the verification, in Unix seconds.
    """
    if isinstance(response, Image):
        if is_verified(wait, action, response):
            return WaitResult(WaitStatus.COMPLETED, wait, now, action=action)
        regions = ", ".join(response.regions) or "none"
        reason = f"Its type is {response.type!r} and its regions are {regions}."
    else:
        reason = f"The last read failed: {response}"
    if now < until:
        return None
    return WaitResult(WaitStatus.UNVERIFIED, wait, now, action=action, error=reason)


def needs_confirmation(result: WaitResult | None) -> bool:
    """Whether the result is a refusal that may be temporary, so that a second poll decides."""
    return result is not None and result.status in {WaitStatus.NOT_FOUND, WaitStatus.ACCESS_DENIED}


def _status_of_error(error: DigitalOceanError, *, in_grace: bool) -> WaitStatus | None:
    if isinstance(error, UnknownStatusError):
        return WaitStatus.UNKNOWN_STATUS
    if isinstance(error, AuthenticationError | PermissionDeniedError | InvalidInputError):
        return WaitStatus.ACCESS_DENIED
    if isinstance(error, NotFoundError) and not in_grace:
        return WaitStatus.NOT_FOUND
    return None
