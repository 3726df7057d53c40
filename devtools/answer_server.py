"""An HTTP server for tests that sends any bytes: a broken API, or a recording proxy."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A received request.

    :param target: the path with its query, or any other target of the request line.
    :param head: the request line and all headers.
    """

    method: str
    target: str
    head: str
    body: bytes

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.target).path

    @property
    def page(self) -> int:
        """The number of the requested page."""
        return int(parse_qs(urlsplit(self.target).query).get("page", ["1"])[0])


class AnswerServer:
    """A server on 127.0.0.1 with one request per connection.

    :param answer: returns the bytes of the response, including status line and headers.
    """

    def __init__(self, answer: Callable[[ReceivedRequest], bytes]) -> None:
        self.answer = answer
        self.requests: list[ReceivedRequest] = []
        """All received requests, in order."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str = "") -> int:
        """Return the number of received requests, of one method or of all."""
        return sum(request.method == method or not method for request in self.requests)


def http_answer(
    body: bytes, status: int | str = 200, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a response whose headers match its body."""
    lines = [f"HTTP/1.1 {status} Answer" if isinstance(status, int) else status]
    fields = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a response with a JSON body."""
    return http_answer(
        json.dumps(body).encode(), status, {"Content-Type": "application/json", **(headers or {})}
    )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    owner: AnswerServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: clients that close the connection are part of the tests."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        lines = []
        while (line := self.rfile.readline(2**16).decode("latin-1")).strip():
            lines.append(line)
        if not lines:
            return
        head = "".join(lines)
        method, target, *_ = lines[0].split()
        lengths = [line for line in lines if line.lower().startswith("content-length:")]
        length = int(lengths[0].partition(":")[2]) if lengths else 0
        request = ReceivedRequest(method, target, head, self.rfile.read(length))
        self.server.owner.requests.append(request)
        self.wfile.write(self.server.owner.answer(request))
