"""Faults that replace or change a response."""

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
"""Statuses of the proxy in front of the API, which returns HTML."""


@dataclass(eq=False)
class ErrorStatus(RequestFault):
    """An HTTP error instead of the response, such as ``ErrorStatus(503)``.

    :param status: the HTTP status, 400 to 599.
    :param html: return HTML instead of JSON; default: as the real API, which returns HTML for 502,
        504 and 52x (logged: godo#142, marketplace-partners#48).
    :param after_processing: handle the request first (reported: analogsea#82).
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
        """Return the error."""
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
    """A 429 although no limit is exceeded.

    :param burst: the limit per minute, with ``retry-after``; False: the limit per hour, without.
    :param retry_after: real seconds, for ``burst``.
    """

    burst: bool = True
    retry_after: int = 1

    async def intercept(self, chain: FaultChain) -> Response:
        """Return a 429 with no requests remaining."""
        headers = {"ratelimit-remaining": "0"}
        if self.burst:
            headers["retry-after"] = str(self.retry_after)
        return chain.error_response(429, headers)


@dataclass(eq=False)
class TransientForbidden(RequestFault):
    """A 403 for a token with all scopes (reported: OpenRouterLabs/spawn#2549)."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Return a 403."""
        return chain.error_response(403, {})


@dataclass(eq=False)
class HtmlResponse(RequestFault):
    """The request is handled, but the response is an HTML page with status 200."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Handle the request and return HTML."""
        chain.handle()
        return responses.html_response(200, "Checking your browser")


@dataclass(eq=False)
class InvalidJson(RequestFault):
    """A complete response with the first half of its JSON."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Return half of the JSON."""
        response = await chain.proceed()
        if "content-length" in response.headers:
            responses.replace_body(response, bytes(response.body[: len(response.body) // 2]))
        return response


@dataclass(eq=False)
class MissingRows(RequestFault):
    """A page of a list without its first rows, which ``meta.total`` still counts.

    This happens if other clients delete rows while pages are read (assumed).

    :param rows: the number of missing rows.
    """

    method: str = "GET"
    rows: int = 1

    async def intercept(self, chain: FaultChain) -> Response:
        """Remove rows of a list."""
        response = await chain.proceed()
        with suppress(ValueError):  # another fault may have broken the JSON
            body = json.loads(bytes(response.body))
            for name, value in body.items():
                if isinstance(value, list):
                    shorter = {**body, name: value[self.rows :]}
                    responses.replace_body(response, responses.as_json(shorter))
        return response


@dataclass(eq=False)
class TruncatedBody(RequestFault):
    """A response with fewer bytes than its ``content-length``."""

    async def intercept(self, chain: FaultChain) -> Response:
        """Send half of the response and close the connection."""
        response = await chain.proceed()
        return responses.SlowResponse(response, cut=True) if response.status_code else response


@dataclass(eq=False)
class SlowBody(RequestFault):
    """A response whose body arrives slowly.

    :param seconds: real seconds from the headers to the end of the body.
    """

    seconds: float = 5.0

    async def intercept(self, chain: FaultChain) -> Response:
        """Send the response slowly."""
        response = await chain.proceed()
        return responses.SlowResponse(response, self.seconds) if response.status_code else response


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "A timeout occurred"
