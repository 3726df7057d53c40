"""The request that an endpoint receives and the response that it returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_do_images.simulator.http.errors import not_found, standard_error
from airflow_provider_do_images.simulator.http.tokens import ALL_SCOPES, Scopes
from airflow_provider_do_images.simulator.state.account_state import AccountState

LONGEST_ID = 19
"""Digits of the largest 64-bit integer."""


@dataclass(slots=True)
class ApiRequest:
    """An authorized request.

    :param params: the path parameters.
    :param base_url: the prefix of links, such as ``http://127.0.0.1:8765``.
    :param scopes: the scopes of the token.
    """

    state: AccountState
    method: str
    path: str
    base_url: str = ""
    query: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    token: str | None = None
    scopes: Scopes = ALL_SCOPES

    def path_id(self, name: str) -> int:
        """Return a path parameter as an id, or raise a 404."""
        text = self.params[name]
        if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID:
            return int(text)
        raise not_found()

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body, ``{}`` without a body, or raise a 400."""
        if not self.body.strip():
            return {}
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise standard_error(400)
        return content


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A JSON object, or no body, with a status."""

    body: dict[str, Any] | None
    status: int = 200


NO_CONTENT = ApiResponse(None, 204)
