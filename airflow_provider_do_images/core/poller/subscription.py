"""The subscription of one wait to a shared poller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_do_images.api import DigitalOceanError, ImageAction
from airflow_provider_do_images.core.poller.poll_requests import IntervalChange, PollRequest
from airflow_provider_do_images.core.wait.flow import (
    VERIFICATION_START_LIMIT,
    ReadRequest,
    ReadResult,
)
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog

if TYPE_CHECKING:
    from airflow_provider_do_images.core.poller.poller import SharedPoller


class Subscription:
    """The subscription of one wait to a poller.

    :param conn_id: id of the connection that the wait uses.
    :param interval: seconds between two polls.
    :param deadline: when the wait ends, in Unix seconds.
    :param progress: writes into the log of the wait's task.
    """

    def __init__(
        self,
        poller: SharedPoller,
        conn_id: str,
        interval: float,
        deadline: float,
        progress: WaitProgressLog,
    ) -> None:
        self.conn_id = conn_id
        self.progress = progress
        self.interval = interval
        self._poller = poller
        self._deadline = deadline

    async def read(self, read: ReadRequest, by: float) -> ReadResult | DigitalOceanError:
        """Return the response to a read request.

        :param by: when it is due, in Unix seconds. The response may come earlier, or later if the
            budget is short, which is logged.
        """
        limit = by + VERIFICATION_START_LIMIT if read.action_id is None else self._deadline
        latest = max(by, limit)
        while True:
            request = PollRequest(read, by, latest, self.interval)
            reply = await self._poller.read(self, request)
            if isinstance(reply, IntervalChange):
                self.progress.log_interval(reply)
                continue
            if isinstance(reply, ImageAction):
                self._poller.record_delay(self.conn_id, reply)
            return reply

    def unsubscribe(self) -> None:
        """End the subscription. The poller ends with its last one."""
        self._poller.unsubscribe(self)
