"""Faults that spoil an answer, or give another one."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from airflow_provider_do_images.simulator.faults.base import RequestFault
from airflow_provider_do_images.simulator.http import responses
from airflow_provider_do_images.simulator.http.fault_chain import FaultChain

HTML_STATUSES = {502, 504, *range(520, 528)}
"""Statuses that come from the proxy before the API, as HTML."""


@dataclass(eq=False)
class ErrorStatus(RequestFault):
    """An HTTP error instead of the response, such as ``ErrorStatus(503)``.

    :param status: the HTTP status, 400 to 599.
    :param html: an HTML page instead of JSON; default: as the real one has it, which is HTML for
        502, 504 and 52x (logged: godo#142, marketplace-partners#48).
    :param after_processing: let the request take effect first (reported: analogsea#82).
    :param retry_after: the ``retry-after`` header, in real seconds.
    """

    status: int = 500
    html: bool | None = None
    after_processing: bool = False
    retry_after: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 400 <= self.status <= 599:  # noqa: PLR2004
            raise ValueError(f"status must be from 400 to 599, not {self.status}")

    async def intercept(self, chain: FaultChain) -> Response:
        """Answer with the status."""
        if self.after_processing:
            chain.handle()
        if self.status in HTML_STATUSES if self.html is None else self.html:
            response = responses.html_response(self.status, _title(self.status))
        else:
            response = chain.error_response(self.status, {})
        if self.retry_after is not None:
            response.headers["retry-after"] = str(self.retry_after)
        return response


@dataclass(eq=False)
class RateLimited(RequestFault):
    """A 429 out of turn.

    :param burst: the limit per minute, with ``retry-after``; False: the hourly one, without.
    :param retry_after: real seconds, for ``burst``.
    """

    burst: bool = True
    retry_after: int = 1

    async def intercept(self, chain: FaultChain) -> Response:
        """Answer 429 with nothing remaining."""
        headers = {"ratelimit-remaining": "0"}
        if self.burst:
            headers["retry-after"] = str(self.retry_after)
        return chain.error_response(429, headers)


@dataclass(eq=False)
class TransientForbidden(RequestFault):
    """A passing 403 to a token that may do this (reported: OpenRouterLabs/spawn#2549)."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Answer 403."""
        return chain.error_response(403, {})


@dataclass(eq=False)
class HtmlResponse(RequestFault):
    """A page with status 200 instead of the answer; the request takes effect."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Answer with a page."""
        chain.handle()
        return responses.html_response(200, "Checking your browser")


@dataclass(eq=False)
class InvalidJson(RequestFault):
    """An answer whose JSON breaks off in the middle, though all its bytes come."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Answer with half of the text."""
        response = await chain.proceed()
        if "content-length" in response.headers:
            responses.replace_body(response, bytes(response.body[: len(response.body) // 2]))
        return response


@dataclass(eq=False)
class MissingRows(RequestFault):
    """A page of a list without its first rows; ``meta.total`` counts them all the same.

    So it looks when others delete while pages are read, as pages are counted by rows (assumed).

    :param rows: how many rows are left out, at most.
    """

    method: str = "GET"
    rows: int = 1

    async def intercept(self, chain: FaultChain) -> Response:
        """Leave out rows of the answer, if it is a list."""
        response = await chain.proceed()
        with suppress(ValueError):  # another fault may have left no JSON of it
            body = json.loads(bytes(response.body))
            for name, value in body.items():
                if isinstance(value, list):
                    shorter = {**body, name: value[self.rows :]}
                    responses.replace_body(response, responses.as_json(shorter))
        return response


@dataclass(eq=False)
class TruncatedBody(RequestFault):
    """An answer that is cut off: fewer bytes than ``content-length`` says."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Send half of the answer and close the connection."""
        response = await chain.proceed()
        return responses.SlowResponse(response, cut=True) if response.status_code else response


@dataclass(eq=False)
class SlowBody(RequestFault):
    """An answer whose body drips in.

    :param seconds: real seconds from the headers to the end of the body.
    """

    seconds: float = 5.0

    async def intercept(self, chain: FaultChain) -> Response:
        """Send the answer slowly."""
        response = await chain.proceed()
        return responses.SlowResponse(response, self.seconds) if response.status_code else response


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "A timeout occurred"
