"""One request on its way through the faults to the account and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response

from airflow_provider_do_images.simulator.http.tokens import Tokens
from airflow_provider_do_images.simulator.journal import Entry
from airflow_provider_do_images.simulator.state.account_state import State


class Obstacle(Protocol):
    """What may stand between a request and its answer."""

    async def play(self, exchange: Exchange) -> Response:
        """Answer the request, or not."""


@dataclass(slots=True)
class Exchange:
    """What a fault can do with a request.

    :param matching: the faults that strike it, fetched one by one.
    :param perform: does what the request asks, and returns the true answer.
    :param refuse: returns the API's JSON error for a status, with extra headers.
    """

    entry: Entry
    token: str | None
    state: State
    tokens: Tokens
    matching: Iterator[Obstacle]
    perform: Callable[[], Response]
    refuse: Callable[[int, dict[str, str]], Response]

    async def proceed(self) -> Response:
        """Go on with the next fault that matches, or with the true answer."""
        fault = next(self.matching, None)
        if fault is None:
            return self.perform()
        name = type(fault).__name__
        self.entry.fault = f"{self.entry.fault}, {name}" if self.entry.fault else name
        return await fault.play(self)
