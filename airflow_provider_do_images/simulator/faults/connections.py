"""Faults of connections: lost, missing and held responses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from threading import Event

from starlette.responses import Response

from airflow_provider_do_images.simulator.faults.base import RequestFault
from airflow_provider_do_images.simulator.http import responses
from airflow_provider_do_images.simulator.http.fault_chain import FaultChain

RELEASE_POLL_SECONDS = 0.005


@dataclass(eq=False)
class RequestLost(RequestFault):
    """The connection is closed before the request is handled."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Close the connection."""
        return responses.DroppedConnection()


@dataclass(eq=False)
class ResponseLost(RequestFault):
    """The request is handled, then the connection is closed without a response."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Handle the request and close the connection."""
        chain.handle()
        return responses.DroppedConnection()


@dataclass(eq=False)
class ConnectionReset(RequestFault):
    """The connection is reset (TCP RST).

    :param after_processing: handle the request first.
    """

    after_processing: bool = False

    async def intercept(self, chain: FaultChain) -> Response:
        """Reset the connection."""
        if self.after_processing:
            chain.handle()
        return responses.DroppedConnection(reset=True)


@dataclass(eq=False)
class NoResponse(RequestFault):
    """No response: the connection stays open until the client closes it.

    :param after_processing: handle the request first.
    """

    after_processing: bool = False

    async def intercept(self, chain: FaultChain) -> Response:
        """Send no response."""
        if self.after_processing:
            chain.handle()
        return responses.SilentResponse()


@dataclass(eq=False)
class HeldRequest(RequestFault):
    """The response is held until ``release`` is called; the request is handled before.

    :param before_processing: hold the request instead, and handle it after the release.
    """

    before_processing: bool = False
    reached: Event = field(default_factory=Event, init=False, repr=False)
    """Set when a request is held: ``reached.wait(5)`` waits for it."""
    processed: Event = field(default_factory=Event, init=False, repr=False)
    """Set when a held request has been handled."""
    _released: Event = field(default_factory=Event, init=False, repr=False)

    def release(self) -> None:
        """Release held requests; later ones are not held."""
        self._released.set()

    async def intercept(self, chain: FaultChain) -> Response:
        """Wait for the release."""
        response = None if self.before_processing else await chain.proceed()
        self.reached.set()
        while not self._released.is_set():  # noqa: ASYNC110  released from another thread
            await asyncio.sleep(RELEASE_POLL_SECONDS)
        response = response or await chain.proceed()
        self.processed.set()
        return response
