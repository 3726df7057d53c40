"""Faults after which no answer comes, or comes only when the test wants."""

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
    """The connection is closed before the request took effect."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Do nothing and close."""
        return responses.DroppedConnection()


@dataclass(eq=False)
class ResponseLost(RequestFault):
    """The request takes effect, then the connection is closed without an answer."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Do it and close."""
        chain.handle()
        return responses.DroppedConnection()


@dataclass(eq=False)
class ConnectionReset(RequestFault):
    """The connection is reset (TCP RST).

    :param after_processing: let the request take effect first.
    """

    after_processing: bool = False

    async def intercept(self, chain: FaultChain) -> Response:
        """Reset the connection."""
        if self.after_processing:
            chain.handle()
        return responses.DroppedConnection(reset=True)


@dataclass(eq=False)
class NoResponse(RequestFault):
    """No answer ever: the connection stays open until the client gives up.

    :param after_processing: let the request take effect first.
    """

    after_processing: bool = False

    async def intercept(self, chain: FaultChain) -> Response:
        """Stay silent."""
        if self.after_processing:
            chain.handle()
        return responses.SilentResponse()


@dataclass(eq=False)
class HeldRequest(RequestFault):
    """An answer that is held back until ``release`` is called; the request takes effect first.

    :param before_processing: hold the request instead; it takes effect only after the release.
    """

    before_processing: bool = False
    reached: Event = field(default_factory=Event, init=False, repr=False)
    """Set when a request is held. ``reached.wait(5)`` waits for it."""
    processed: Event = field(default_factory=Event, init=False, repr=False)
    """Set when a request that was held has taken effect."""
    _released: Event = field(default_factory=Event, init=False, repr=False)

    def release(self) -> None:
        """Let go of what is held, and hold nothing more."""
        self._released.set()

    async def intercept(self, chain: FaultChain) -> Response:
        """Wait for the release."""
        response = None if self.before_processing else await chain.proceed()
        self.reached.set()
        while not self._released.is_set():  # noqa: ASYNC110  it is released from another thread
            await asyncio.sleep(RELEASE_POLL_SECONDS)
        response = response or await chain.proceed()
        self.processed.set()
        return response
