"""Errors of the API with DigitalOcean's messages.

Confirmed by recorded or logged responses unless marked otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class ApiError(Exception):
    """An error response: HTTP status, error id and message."""

    status: int
    id: str
    message: str


MESSAGES = {
    400: ("bad_request", "error parsing request body"),
    401: ("unauthorized", "Unable to authenticate you"),
    403: ("forbidden", "you do not have access for the attempted action"),
    404: ("not_found", "The resource you were accessing could not be found."),
    409: ("conflict", "The request could not be completed due to a conflict."),
    422: ("unprocessable_entity", "The request was well-formed but can not be processed."),
    429: ("too_many_requests", "API Rate limit exceeded."),
    500: ("internal_server_error", "Server was unable to give you a response."),
    502: ("bad_gateway", "Bad Gateway"),
    503: ("service_unavailable", "Service is currently unavailable."),
    504: ("gateway_timeout", "Gateway Timeout"),
    524: ("origin_timeout", "A timeout occurred"),
}
"""Error id and default message by status. The JSON forms of 422, 502, 504 and 524 are assumed: the
real API returns HTML for 502, 504 and 524."""


def standard_error(status: int) -> ApiError:
    """Return the default error of an HTTP status."""
    name, message = MESSAGES.get(status, ("server_error", "Unexpected server-side error"))
    return ApiError(status, name, message)


def not_found() -> ApiError:
    """Return the 404 for an object that does not exist."""
    return standard_error(404)


def unknown_action_type() -> ApiError:
    """Return the 404 for a missing or unknown action ``type`` (doctl#192)."""
    return ApiError(404, "not_found", "The specified action type is not available.")


def unprocessable(message: str) -> ApiError:
    """Return a 422 with this message."""
    return ApiError(422, "unprocessable_entity", message)
