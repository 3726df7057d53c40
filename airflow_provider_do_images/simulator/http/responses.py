"""HTTP responses with DigitalOcean's headers, and broken ones for faults."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import uuid
from collections.abc import Mapping
from hashlib import md5
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

EDGE_HEADERS = {
    "cf-cache-status": "DYNAMIC",
    "server": "cloudflare",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-gateway": "Edge-Gateway",
    "x-response-from": "service",
    "x-xss-protection": "1; mode=block",
}
"""Headers of every response, as recorded."""

JSON_TYPE = "application/json; charset=utf-8"
STATUS_HEADERS = {
    401: {"content-type": "application/json"},
    503: {"content-type": "application/json", "connection": "close"},
}
"""Different headers for these statuses, as recorded."""
PAGE = """<!DOCTYPE html>
<html>
<head><title>{status} {title}</title></head>
<body>
<h1>{title}</h1>
<p>The page you were looking for is temporarily unavailable. Please try again in a moment.</p>
<hr><center>cloudflare</center>
</body>
</html>
"""


def json_response(
    body: Mapping[str, Any] | None, status: int, request_id: str, headers: Mapping[str, str]
) -> Response:
    """Return a response of the API; without a body it has no content type (confirmed)."""
    content = b"" if body is None else as_json(body)
    all_headers = {
        **EDGE_HEADERS,
        "x-request-id": request_id,
        "x-runtime": "0.042391",
        "cf-ray": f"{request_id.replace('-', '')[:16]}-EWR",
        **headers,
    }
    if body is not None:
        all_headers |= {"content-type": JSON_TYPE, **STATUS_HEADERS.get(status, {})}
        if status < 300:  # noqa: PLR2004
            all_headers["cache-control"] = "max-age=0, private, must-revalidate"
            all_headers["etag"] = f'W/"{md5(content, usedforsecurity=False).hexdigest()}"'
    return Response(content, status, all_headers)


def as_json(body: Mapping[str, Any]) -> bytes:
    """Return compact JSON, as the API sends it."""
    return json.dumps(body, separators=(",", ":")).encode()


def replace_body(response: Response, body: bytes) -> None:
    """Replace the body and its length."""
    response.body = body
    response.headers["content-length"] = str(len(body))


def html_response(status: int, title: str) -> Response:
    """Return an HTML page as the proxy in front of the API sends it."""
    headers = {"server": "cloudflare", "content-type": "text/html; charset=UTF-8"}
    return Response(PAGE.format(status=status, title=title), status, headers)


def text_response(status: int, text: str) -> Response:
    """Return plain text."""
    return Response(text, status, media_type="text/plain")


def new_request_id() -> str:
    """Return a value for ``x-request-id``."""
    return str(uuid.uuid4())


class DroppedConnection(Response):
    """No response: the connection is closed.

    :param reset: send a TCP reset instead of an orderly close.
    """

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__(status_code=0)
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection and wait for the disconnect."""
        drop_connection(scope, reset=self._reset)
        await disconnected(receive)


class SilentResponse(Response):
    """No response: the connection stays open until the client closes it."""

    def __init__(self) -> None:
        super().__init__(status_code=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the disconnect."""
        await disconnected(receive)


class SlowResponse(Response):
    """A response that sends its headers at once and its body in pieces.

    :param response: the response to send; a slow or cut response stays slow or cut.
    :param seconds: real seconds until the last piece.
    :param cut: close the connection after half of the body.
    """

    PIECES = 10

    def __init__(self, response: Response, seconds: float = 0.0, *, cut: bool = False) -> None:
        super().__init__(response.body, response.status_code)
        self.raw_headers = response.raw_headers
        inner = response if isinstance(response, SlowResponse) else None
        self.seconds: float = seconds + (inner.seconds if inner else 0.0)
        self.cut: bool = cut or (inner is not None and inner.cut)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers, then the body in pieces."""
        await send(self._start())
        size = -(-len(self.body) // self.PIECES) or 1
        for start in range(0, len(self.body) // (2 if self.cut else 1), size):
            await asyncio.sleep(self.seconds / self.PIECES)
            piece = bytes(self.body[start : start + size])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if self.cut:
            drop_connection(scope)
            await disconnected(receive)
        else:
            await send({"type": "http.response.body", "body": b""})

    def _start(self) -> Message:
        return {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }


async def disconnected(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


def drop_connection(scope: Scope, *, reset: bool = False) -> None:
    """Close the connection of a request."""
    for connection in scope["app"].state.connections():
        if connection.client == scope["client"]:
            if reset:
                sock = connection.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()
            else:
                connection.transport.close()
