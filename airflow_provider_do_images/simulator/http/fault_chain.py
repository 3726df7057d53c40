"""One request on its way through the faults to the account and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response

from airflow_provider_do_images.simulator.http.tokens import Tokens
from airflow_provider_do_images.simulator.journal import JournalEntry
from airflow_provider_do_images.simulator.state.account_state import AccountState


class Interceptor(Protocol):
    """What may stand between a request and its answer."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Answer the request, or not."""


@dataclass(slots=True)
class FaultChain:
    """What a fault can do with a request.

    :param faults: the faults that strike it, fetched one by one.
    :param handle: does what the request asks, and returns the true answer.
    :param error_response: returns the API's JSON error for a status, with extra headers.
    """

    entry: JournalEntry
    token: str | None
    state: AccountState
    tokens: Tokens
    faults: Iterator[Interceptor]
    handle: Callable[[], Response]
    error_response: Callable[[int, dict[str, str]], Response]

    async def proceed(self) -> Response:
        """Go on with the next fault that matches, or with the true answer."""
        fault = next(self.faults, None)
        if fault is None:
            return self.handle()
        name = type(fault).__name__
        self.entry.fault = f"{self.entry.fault}, {name}" if self.entry.fault else name
        return await fault.intercept(self)
