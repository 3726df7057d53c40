"""The control interface: change the simulator over HTTP, for programs in other languages.

Its path is ``/_control``. Requests need the key of the simulator in the header ``X-Control-Key``;
API tokens are not valid here.

=========================== ==================================================================== GET
/journal                list all requests, and count them by endpoint DELETE /journal
remove all entries GET /clock                  return the virtual time, as text and in Unix seconds
POST /clock                 ``{"advance": 3600}``: advance by virtual seconds GET, POST, DELETE
/faults   list the faults; add one, as in a fault file; remove all POST /faults/release
release all requests held by ``HeldRequest`` POST /actions/{id}/finish   end a running action now:
``{"status": "errored"}`` POST /tokens                ``{"allow": "...", "scopes":
["image:read"]}``, ``{"revoke": "..."}`` POST /reset                 restore the default account
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
from airflow_provider_do_images.simulator.faults.config import fault_to_mapping, parse_fault
from airflow_provider_do_images.simulator.faults.connections import HeldRequest
from airflow_provider_do_images.simulator.state.models import COMPLETED, ERRORED

PATH = "/_control"
HEADER = "X-Control-Key"

JsonObject = dict[str, Any]
Handler = Callable[..., JsonObject]
"""Called with the backend, the JSON body, and the path parameters by name."""


def control_routes(backend: Backend, key: str) -> Mount:
    """Return the routes of the control interface, protected by ``key``."""

    def protected(handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not secrets.compare_digest(request.headers.get(HEADER, "").encode(), key.encode()):
                return JSONResponse({"message": f"{HEADER} is missing or wrong"}, 403)
            try:
                body = await _read_body(request)
                return JSONResponse(handle(backend, body, **request.path_params))
            except (KeyError, ValueError) as error:
                return JSONResponse({"message": str(error.args[0])}, 400)

        return endpoint

    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/journal", _list_requests),
        ("DELETE", "/journal", _clear_journal),
        ("GET", "/clock", _read_clock),
        ("POST", "/clock", _advance_clock),
        ("GET", "/faults", _list_faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("POST", "/faults/release", _release_requests),
        ("POST", "/actions/{action_id:int}/finish", _finish_action),
        ("POST", "/tokens", _change_tokens),
        ("POST", "/reset", _reset),
    )
    return Mount(
        PATH, routes=[Route(path, protected(h), methods=[verb]) for verb, path, h in table]
    )


async def _read_body(request: Request) -> JsonObject:
    content = await request.body()
    try:
        body = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _list_requests(backend: Backend, _body: JsonObject) -> JsonObject:
    entries = [asdict(entry) for entry in backend.journal.entries]
    return {"counts": backend.journal.counts(), "entries": entries}


def _clear_journal(backend: Backend, _body: JsonObject) -> JsonObject:
    backend.journal.clear()
    return {}


def _read_clock(backend: Backend, _body: JsonObject) -> JsonObject:
    now = backend.state.process_due_events()
    return {"now": now, "time": timestamp(now)}


def _advance_clock(backend: Backend, body: JsonObject) -> JsonObject:
    seconds = body.get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("advance must be a number of virtual seconds")
    backend.clock.advance(seconds)
    return _read_clock(backend, body)


def _list_faults(backend: Backend, _body: JsonObject) -> JsonObject:
    return {"faults": [fault_to_mapping(fault) for fault in backend.faults.all]}


def _add_fault(backend: Backend, body: JsonObject) -> JsonObject:
    backend.faults.add(parse_fault(body))
    return _list_faults(backend, body)


def _clear_faults(backend: Backend, body: JsonObject) -> JsonObject:
    _release_requests(backend, body)
    backend.faults.clear()
    return {}


def _release_requests(backend: Backend, _body: JsonObject) -> JsonObject:
    held = [fault for fault in backend.faults.all if isinstance(fault, HeldRequest)]
    for fault in held:
        fault.release()
    return {"released": len(held)}


def _finish_action(backend: Backend, body: JsonObject, action_id: int) -> JsonObject:
    status = body.get("status", COMPLETED)
    if status not in (COMPLETED, ERRORED):  # a tuple, since the status may not be hashable
        raise ValueError(f"status must be {COMPLETED} or {ERRORED}")
    if action_id not in backend.state.actions:
        raise ValueError(f"there is no action {action_id}")
    action = backend.state.finish_action(action_id, status)
    return {"id": action.id, "status": action.status}


def _change_tokens(backend: Backend, body: JsonObject) -> JsonObject:
    if not set(body) <= {"allow", "scopes", "revoke"} or not (
        body.get("allow") or body.get("revoke")
    ):
        raise ValueError("use allow (with scopes) or revoke")
    scopes = body.get("scopes")
    if scopes is not None and not isinstance(scopes, list):
        raise ValueError("scopes must be a list of names, or null for all scopes")
    if token := body.get("allow"):
        backend.tokens.allow(str(token), None if scopes is None else map(str, scopes))
    if token := body.get("revoke"):
        backend.tokens.revoke(str(token))
    return {}


def _reset(backend: Backend, _body: JsonObject) -> JsonObject:
    backend.reset()
    return {}
