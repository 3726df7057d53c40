"""The API as an ASGI application: journal, faults, authorization, endpoint."""

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
from airflow_provider_do_images.simulator.http.errors import ApiError, standard_error
from airflow_provider_do_images.simulator.http.fault_chain import FaultChain
from airflow_provider_do_images.simulator.http.request import ApiRequest
from airflow_provider_do_images.simulator.http.responses import (
    drop_connection,
    json_response,
    new_request_id,
)
from airflow_provider_do_images.simulator.journal import JournalEntry, fingerprint
from airflow_provider_do_images.simulator.routes import ENDPOINTS, UNKNOWN, Endpoint

PATTERNS = [(compile_path(endpoint.path)[0], endpoint) for endpoint in ENDPOINTS]
PREFIX = "bearer "
UNAUTHORIZED = 401
"""As recorded, it has no rate limit headers and no request id in its body."""


class RouteMatch(NamedTuple):
    """An endpoint and the path parameters."""

    endpoint: Endpoint
    params: dict[str, str]


def find_endpoint(method: str, path: str) -> RouteMatch:
    """Return the endpoint for a method and a path; for unknown ones it returns a 404."""
    for pattern, endpoint in PATTERNS:
        if endpoint.method == method and (match := pattern.match(path)):
            return RouteMatch(endpoint, match.groupdict())
    return RouteMatch(UNKNOWN, {})


@dataclass(frozen=True)
class ApiApp:
    """``/v2`` as an ASGI application."""

    backend: Backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        body = await request.body()
        path = request.url.path.rstrip("/") or "/"
        token = bearer_token(request.headers.get("authorization", ""))
        found = find_endpoint(request.method, path)
        entry = JournalEntry(
            time=self.backend.clock.now(),
            method=request.method,
            path=path,
            endpoint=found.endpoint.path,
            query=dict(request.query_params),
            body=parse_body(body),
            token_fingerprint=None if token is None else fingerprint(token),
        )
        self.backend.journal.add(entry)
        api_request = ApiRequest(
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
            response = await self._through_faults(entry, api_request, found.endpoint)
            entry.status = response.status_code or None
            await response(scope, receive, send)
        except asyncio.CancelledError:
            # The simulator stops while a fault holds the response; this is not an error.
            drop_connection(scope, reset=True)
            await asyncio.sleep(0)

    async def _through_faults(
        self, entry: JournalEntry, api_request: ApiRequest, endpoint: Endpoint
    ) -> Response:
        backend = self.backend
        chain = FaultChain(
            entry=entry,
            token=api_request.token,
            state=backend.state,
            tokens=backend.tokens,
            faults=backend.faults.matching_request(entry.method, entry.path),
            handle=lambda: self._handle(api_request, endpoint),
            error_response=lambda status, headers: self._error_response(
                standard_error(status),
                {**backend.limits.status(api_request.token or "").headers(), **headers},
            ),
        )
        return await chain.proceed()

    def _handle(self, api_request: ApiRequest, endpoint: Endpoint) -> Response:
        """Check token, rate limits and scopes, then run the endpoint."""
        with api_request.state.lock:
            api_request.state.process_due_events()
            scopes = self.backend.tokens.scopes_of(api_request.token)
            if api_request.token is None or scopes is None:
                return self._error_response(standard_error(401), {})
            budget = self.backend.limits.count_request(api_request.token)
            if budget.exceeded:
                return self._error_response(standard_error(429), budget.headers())
            api_request.scopes = scopes
            try:
                if not scopes.allow(*endpoint.scopes):
                    raise standard_error(403)
                result = endpoint.handle(api_request)
            except ApiError as error:
                return self._error_response(error, budget.headers())
        return json_response(result.body, result.status, new_request_id(), budget.headers())

    def _error_response(self, error: ApiError, headers: dict[str, str]) -> Response:
        request_id = new_request_id()
        body = {"id": error.id, "message": error.message}
        if error.status == UNAUTHORIZED:
            headers = {}
        elif self.backend.rules.request_id_in_body:
            body["request_id"] = request_id
        return json_response(body, error.status, request_id, headers)


def bearer_token(authorization: str) -> str | None:
    """Return the token of an ``Authorization`` header, or None."""
    if authorization.lower().startswith(PREFIX):
        return authorization[len(PREFIX) :].strip() or None
    return None


def parse_body(body: bytes) -> Any:
    """Return a body for the journal: parsed JSON, or else text."""
    if not body:
        return None
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
