"""The failures of a job that are not errors of a request."""

from __future__ import annotations

from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.decide import Blocked


class WaitFailedError(Exception):
    """The wait for an action ended without success.

    :param result: its row, with a ``wait_status`` and an ``error``.
    """

    def __init__(self, result: ActionResult) -> None:
        super().__init__(result.error or str(result.wait_status))
        self.result = result


class BlockedTimeoutError(Exception):
    """The deadline passed while transfers blocked the submit."""

    def __init__(self, blocked: Blocked) -> None:
        super().__init__(f"timed out before the submit: {blocked}")
