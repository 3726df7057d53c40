"""Validated settings of a wait: polling interval and timeouts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_do_images.api.validation import (
    check_interval,
    check_timeout,
    check_verify_timeout,
)


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """The times of a wait, in seconds.

    :param poll_interval: between two polls.
    :param timeout: until the wait ends without a result.
    :param verify_timeout: in which the image must show what a completed action did; 0 for no check.
    """

    poll_interval: float
    timeout: float
    verify_timeout: float

    @classmethod
    def checked(
        cls, poll_interval: Any, timeout: Any, verify_timeout: Any, *, name: str = "poll_interval"
    ) -> Self:
        """Build from what a user gave: seconds, the text of a number, or a ``timedelta`` each.

        :param name: what the class calls ``poll_interval``.
        :raises InvalidInputError: naming the parameter.
        """
        return cls(
            check_interval(name, poll_interval),
            check_timeout("timeout", timeout),
            check_verify_timeout("verify_timeout", verify_timeout),
        )
