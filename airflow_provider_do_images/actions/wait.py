"""The thin loop around :func:`~.judge.judge` for a wait that holds its process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from airflow_provider_do_images.actions.judge import Verdict, Wait, judge, worth_a_second_look
from airflow_provider_do_images.api import DigitalOceanError, ImageAction

log = logging.getLogger(__name__)

SECOND_LOOK_PAUSE = 2.0
"""Seconds before a refusal that would end the wait is asked for once more."""

Ask = Callable[[bool], ImageAction]
"""Reads the action once; ``True`` gets the token anew before, so that rotating it ends no wait."""


def look_once(
    wait: Wait,
    ask: Ask,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict | None:
    """Look at the action, and once more if a refusal would end the wait."""
    verdict = _look(wait, ask, clock, fresh=False)
    if worth_a_second_look(verdict):
        sleep(SECOND_LOOK_PAUSE)
        verdict = _look(wait, ask, clock, fresh=True)
    return verdict


def wait_until_finished(
    wait: Wait,
    ask: Ask,
    *,
    poll_interval: float,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """Look every ``poll_interval`` seconds, a last time at the deadline, and return the end.

    The first look is one interval from now.
    """
    while True:
        sleep(max(0.0, min(poll_interval, wait.deadline - clock())))
        if verdict := look_once(wait, ask, clock=clock, sleep=sleep):
            return verdict


def _look(wait: Wait, ask: Ask, clock: Callable[[], float], *, fresh: bool) -> Verdict | None:
    look: ImageAction | DigitalOceanError
    try:
        look = ask(fresh)
    except DigitalOceanError as error:
        look = error
    verdict = judge(wait, look, clock())
    if verdict is None and isinstance(look, DigitalOceanError):
        log.warning("A look at action %s failed, the wait goes on: %s", wait.action_id, look)
    return verdict
