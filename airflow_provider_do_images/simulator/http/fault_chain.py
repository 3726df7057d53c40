"""The chain of faults that a request passes before the endpoint handles it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response

from airflow_provider_do_images.simulator.http.tokens import Tokens
from airflow_provider_do_images.simulator.journal import JournalEntry
from airflow_provider_do_images.simulator.state.account_state import AccountState


class Interceptor(Protocol):
    """An object that can replace, delay or change the response of a request."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Return the response, usually after ``chain.proceed()``."""


@dataclass(slots=True)
class FaultChain:
    """One request and the interceptors that apply to it.

    :param faults: the matching faults. One that is not fetched is not counted as applied.
    :param handle: runs the endpoint and returns the regular response.
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
        """Return the response of the next matching fault, or else of the endpoint."""
        fault = next(self.faults, None)
        if fault is None:
            return self.handle()
        name = type(fault).__name__
        self.entry.fault = f"{self.entry.fault}, {name}" if self.entry.fault else name
        return await fault.intercept(self)
