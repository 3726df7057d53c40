"""Faults after which no answer comes, or comes only when the test wants."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from threading import Event

from starlette.responses import Response

from airflow_provider_do_images.simulator.faults.base import RequestFault
from airflow_provider_do_images.simulator.http import responses
from airflow_provider_do_images.simulator.http.fault_chain import Exchange

LOOK_SECONDS = 0.005


@dataclass(eq=False)
class LostBefore(RequestFault):
    """The connection is closed before the request took effect."""

    async def play(self, exchange: Exchange) -> Response:
        """Do nothing and close."""
        return responses.Dropped()


@dataclass(eq=False)
class LostAfter(RequestFault):
    """The request takes effect, then the connection is closed without an answer."""

    async def play(self, exchange: Exchange) -> Response:
        """Do it and close."""
        exchange.perform()
        return responses.Dropped()


@dataclass(eq=False)
class Reset(RequestFault):
    """The connection is reset (TCP RST).

    :param after: let the request take effect first.
    """

    after: bool = False

    async def play(self, exchange: Exchange) -> Response:
        """Reset the connection."""
        if self.after:
            exchange.perform()
        return responses.Dropped(reset=True)


@dataclass(eq=False)
class Hang(RequestFault):
    """No answer ever: the connection stays open until the client gives up.

    :param after: let the request take effect first.
    """

    after: bool = False

    async def play(self, exchange: Exchange) -> Response:
        """Stay silent."""
        if self.after:
            exchange.perform()
        return responses.Silent()


@dataclass(eq=False)
class Held(RequestFault):
    """An answer that is held back until ``release`` is called; the request takes effect first.

    :param before: hold the request itself instead: it takes effect only after the release.
    """

    before: bool = False
    reached: Event = field(default_factory=Event, init=False, repr=False)
    """Set when a request is held. ``reached.wait(5)`` waits for it."""
    passed: Event = field(default_factory=Event, init=False, repr=False)
    """Set when a request that was held has taken effect."""
    _released: Event = field(default_factory=Event, init=False, repr=False)

    def release(self) -> None:
        """Let go of what is held, and hold nothing more."""
        self._released.set()

    async def play(self, exchange: Exchange) -> Response:
        """Wait for the release."""
        response = None if self.before else await exchange.proceed()
        self.reached.set()
        while not self._released.is_set():  # noqa: ASYNC110  it is released from another thread
            await asyncio.sleep(LOOK_SECONDS)
        response = response or await exchange.proceed()
        self.passed.set()
        return response
