"""The control interface: what ``sim`` offers in code, over HTTP, for programs in other languages.

It lies under ``/_control`` and wants its own key in the header ``X-Control-Key``; a token of the
API opens nothing here.

=========================== ====================================================================
GET /journal                all requests, and how many each endpoint had
DELETE /journal             forget them
GET /clock                  the virtual time, as text and in Unix seconds
POST /clock                 ``{"advance": 3600}``: jump ahead by so many virtual seconds
GET, POST, DELETE /faults   what is set up; add one, as in a fault file; remove all
POST /faults/release        let go of everything that ``HeldRequest`` faults hold
POST /actions/{id}/finish   end a running action now: ``{"status": "errored"}``
POST /tokens                ``{"allow": "...", "scopes": ["image:read"]}``, ``{"revoke": "..."}``
POST /reset                 begin anew with the default account
=========================== ====================================================================
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from airflow_provider_do_images.simulator.backend import Backend
from airflow_provider_do_images.simulator.clock import timestamp
from airflow_provider_do_images.simulator.faults import HeldRequest
from airflow_provider_do_images.simulator.faults.config import fault_to_mapping, parse_fault
from airflow_provider_do_images.simulator.state.models import COMPLETED, ERRORED

PATH = "/_control"
HEADER = "X-Control-Key"

JsonObject = dict[str, Any]
Handler = Callable[[Backend, Request, dict[str, Any]], JsonObject]


def control_routes(backend: Backend, key: str) -> Mount:
    """Return the routes of the control interface, which ``key`` opens."""

    def guarded(handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not secrets.compare_digest(request.headers.get(HEADER, "").encode(), key.encode()):
                return JSONResponse({"message": f"{HEADER} is missing or wrong"}, 403)
            try:
                return JSONResponse(handle(backend, request, await _body(request)))
            except (KeyError, ValueError) as error:
                return JSONResponse({"message": str(error.args[0])}, 400)

        return endpoint

    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/journal", _journal),
        ("DELETE", "/journal", _clear_journal),
        ("GET", "/clock", _clock),
        ("POST", "/clock", _advance),
        ("GET", "/faults", _faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("POST", "/faults/release", _release),
        ("POST", "/actions/{action_id:int}/finish", _finish),
        ("POST", "/tokens", _tokens),
        ("POST", "/reset", _reset),
    )
    return Mount(
        PATH, routes=[Route(path, guarded(handle), methods=[verb]) for verb, path, handle in table]
    )


async def _body(request: Request) -> dict[str, Any]:
    content = await request.body()
    try:
        body = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _journal(backend: Backend, _request: Request, _body: JsonObject) -> JsonObject:
    entries = [asdict(entry) for entry in backend.journal.entries]
    return {"counts": backend.journal.counts(), "entries": entries}


def _clear_journal(backend: Backend, _request: Request, _body: JsonObject) -> JsonObject:
    backend.journal.clear()
    return {}


def _clock(backend: Backend, _request: Request, _body: JsonObject) -> JsonObject:
    now = backend.state.process_due_events()
    return {"now": now, "time": timestamp(now)}


def _advance(backend: Backend, request: Request, body: JsonObject) -> JsonObject:
    seconds = body.get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("advance must be a number of virtual seconds")
    backend.clock.advance(seconds)
    return _clock(backend, request, body)


def _faults(backend: Backend, _request: Request, _body: JsonObject) -> JsonObject:
    return {"faults": [fault_to_mapping(fault) for fault in backend.faults.all]}


def _add_fault(backend: Backend, request: Request, body: JsonObject) -> JsonObject:
    backend.faults.add(parse_fault(body))
    return _faults(backend, request, body)


def _clear_faults(backend: Backend, request: Request, body: JsonObject) -> JsonObject:
    _release(backend, request, body)
    backend.faults.clear()
    return {}


def _release(backend: Backend, _request: Request, _body: JsonObject) -> JsonObject:
    held = [fault for fault in backend.faults.all if isinstance(fault, HeldRequest)]
    for fault in held:
        fault.release()
    return {"released": len(held)}


def _finish(backend: Backend, request: Request, body: JsonObject) -> JsonObject:
    status = body.get("status", COMPLETED)
    if status not in (COMPLETED, ERRORED):  # whatever it is: a set would want it hashable
        raise ValueError(f"status must be {COMPLETED} or {ERRORED}")
    action_id = request.path_params["action_id"]
    if action_id not in backend.state.actions:
        raise ValueError(f"there is no action {action_id}")
    action = backend.state.finish_action(action_id, status)
    return {"id": action.id, "status": action.status}


def _tokens(backend: Backend, _request: Request, body: JsonObject) -> JsonObject:
    if not set(body) <= {"allow", "scopes", "revoke"} or not (
        body.get("allow") or body.get("revoke")
    ):
        raise ValueError("give allow (and scopes), or revoke")
    scopes = body.get("scopes")
    if scopes is not None and not isinstance(scopes, list):
        raise ValueError("scopes must be a list of names, or null for all")
    if token := body.get("allow"):
        backend.tokens.allow(str(token), None if scopes is None else map(str, scopes))
    if token := body.get("revoke"):
        backend.tokens.revoke(str(token))
    return {}


def _reset(backend: Backend, _request: Request, _body: JsonObject) -> JsonObject:
    backend.reset()
    return {}
