"""The HTTP face: a request goes through the journal and the faults to the account and back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from airflow_provider_do_images.simulator.backend import Backend
from airflow_provider_do_images.simulator.http.errors import ApiError, error_of
from airflow_provider_do_images.simulator.http.fault_chain import Exchange
from airflow_provider_do_images.simulator.http.request import Call
from airflow_provider_do_images.simulator.http.responses import (
    drop_connection,
    json_response,
    new_request_id,
)
from airflow_provider_do_images.simulator.journal import Entry, fingerprint
from airflow_provider_do_images.simulator.routes import ENDPOINTS, UNKNOWN, Endpoint

PATTERNS = [(compile_path(endpoint.path)[0], endpoint) for endpoint in ENDPOINTS]
PREFIX = "bearer "
UNAUTHORIZED = 401
"""As recorded it has no limits in its headers, and is too short for a request id in its body."""


class Found(NamedTuple):
    """An endpoint, and the variable parts of the path that led to it."""

    endpoint: Endpoint
    params: dict[str, str]


def find_endpoint(method: str, path: str) -> Found:
    """Return what answers this method and path, which may be the endpoint that answers 404."""
    for pattern, endpoint in PATTERNS:
        if endpoint.method == method and (match := pattern.match(path)):
            return Found(endpoint, match.groupdict())
    return Found(UNKNOWN, {})


@dataclass(frozen=True)
class Api:
    """``/v2`` as an ASGI application."""

    backend: Backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let a fault keep the answer."""
        request = Request(scope, receive)
        body = await request.body()
        path = request.url.path.rstrip("/") or "/"
        token = bearer_token(request.headers.get("authorization", ""))
        found = find_endpoint(request.method, path)
        entry = Entry(
            time=self.backend.clock.now(),
            method=request.method,
            path=path,
            endpoint=found.endpoint.path,
            query=dict(request.query_params),
            body=readable(body),
            token_fingerprint=None if token is None else fingerprint(token),
        )
        self.backend.journal.add(entry)
        call = Call(
            state=self.backend.state,
            method=request.method,
            path=path,
            base_url=f"http://{request.headers.get('host', '')}",
            query=entry.query,
            params=found.params,
            body=body,
            token=token,
        )
        try:
            response = await self._through_faults(entry, call, found.endpoint)
            entry.status = response.status_code or None
            await response(scope, receive, send)
        except asyncio.CancelledError:
            # The simulator stops while a fault keeps an answer back: that is no error.
            drop_connection(scope, reset=True)
            await asyncio.sleep(0)

    async def _through_faults(self, entry: Entry, call: Call, endpoint: Endpoint) -> Response:
        backend = self.backend
        exchange = Exchange(
            entry=entry,
            token=call.token,
            state=backend.state,
            tokens=backend.tokens,
            matching=backend.faults.of_request(entry.method, entry.path),
            perform=lambda: self._perform(call, endpoint),
            refuse=lambda status, headers: self._refusal(
                error_of(status), {**backend.limits.look(call.token or "").headers(), **headers}
            ),
        )
        return await exchange.proceed()

    def _perform(self, call: Call, endpoint: Endpoint) -> Response:
        """Do what is asked: token first, then limits, then scopes, then the thing itself."""
        with call.state.lock:
            call.state.settle()
            scopes = None if call.token is None else self.backend.tokens.scopes_of(call.token)
            if call.token is None or scopes is None:
                return self._refusal(error_of(401), {})
            budget = self.backend.limits.spend(call.token)
            if budget.exceeded:
                return self._refusal(error_of(429), budget.headers())
            call.scopes = scopes
            try:
                if not scopes.allow(*endpoint.scopes):
                    raise error_of(403)
                answer = endpoint.handle(call)
            except ApiError as error:
                return self._refusal(error, budget.headers())
        return json_response(answer.body, answer.status, new_request_id(), budget.headers())

    def _refusal(self, error: ApiError, headers: dict[str, str]) -> Response:
        request_id = new_request_id()
        body = {"id": error.id, "message": error.message}
        if error.status == UNAUTHORIZED:
            headers = {}
        elif self.backend.rules.request_id_in_body:
            body["request_id"] = request_id
        return json_response(body, error.status, request_id, headers)


def bearer_token(authorization: str) -> str | None:
    """Return the token of an ``Authorization`` header, None if there is none."""
    if authorization.lower().startswith(PREFIX):
        return authorization[len(PREFIX) :].strip() or None
    return None


def readable(body: bytes) -> Any:
    """Return a request's body for the journal: parsed if it is JSON, else its text."""
    if not body:
        return None
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
