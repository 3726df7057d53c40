"""Everything that can go wrong when talking to DigitalOcean, as one tree.

::

    DigitalOceanError
    ├── InvalidInputError          a parameter or a setting is wrong; nothing was sent
    ├── TransportError             no response came; the request may have taken effect
    │   └── NotSentError           no connection was made; the request had no effect
    ├── InvalidResponseError       a response that is not what the API documents
    │   └── UnknownStatusError     the action has an unknown status
    └── ApiError                   the API answered with an error status, or a redirect
        ├── AuthenticationError    401
        ├── PermissionDeniedError  403
        ├── NotFoundError          404
        ├── UnprocessableError     422
        ├── RateLimitedError       429
        └── ServerError            5xx

Each class has a stable ``code``, which documentation, alerts and tests can refer to.

No error carries the token.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, Self

from airflow_provider_do_images.api.text import printable


class DigitalOceanError(Exception):
    """Base of all errors of this package's ``api``.

    :param message: what went wrong, in the API's own words where it gave any.
    :param status: the HTTP status, if there was a response.
    :param error_id: the API's short name of the error, such as ``unprocessable_entity``.
    :param request_id: the API's id of the request, which DigitalOcean's support asks for.
    :param code: a more precise code than the one of the class.
    """

    code: str = "api_error"
    """Short stable name of the kind of error."""
    advice = ""
    """What the reader can do about it."""
    tried = "sent"
    """What was done with the request, as often as ``attempts`` says."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_id: str | None = None,
        request_id: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        if code:
            self.code = code
        self.message = message
        self.status = status
        self.error_id = error_id
        self.request_id = request_id
        self.request: str | None = None
        """Method and path of the request that failed, such as ``GET /v2/images/1``."""
        self.attempts = 1
        """How often the request was sent before it was given up."""
        self.image_id: int | None = None
        self.droplet = ""
        """The droplet that it is about, or its image is of: ``droplet web-1 (42)``."""
        self.action_id: int | None = None
        self.region: str | None = None
        self.state = ""
        """Further facts in sentences: what is in progress, and the last good copy."""
        self.scope: str | None = None
        """The token scope that the request needs, such as ``image:read``."""

    def with_facts(self, **facts: Any) -> Self:
        """Return a copy with more facts. An error is not changed after it was raised.

        :param facts: attributes of the error by their names.
        """
        error = copy(self)
        for name, value in facts.items():
            setattr(error, name, value)
        return error

    def __str__(self) -> str:
        """One line for the reader of a log: what failed, on what, and the API's reference."""
        about = _about(self.image_id, self.droplet, self.action_id, self.region)
        details = [
            self.request,
            f"status {self.status}" if self.status is not None else None,
            self.error_id,
            f"request id {self.request_id}" if self.request_id else None,
            f"{self.tried} {self.attempts} times" if self.attempts > 1 else None,
        ]
        line = f"{about}: {self.message}" if about else self.message
        if known := ", ".join(detail for detail in details if detail):
            line = f"{line} ({known})"
        if more := f"{self.state} {self.advice}".strip():
            line = f"{line.rstrip('.')}. {more}"
        return printable(line)


class InvalidInputError(DigitalOceanError, ValueError):
    """A parameter or a setting, such as the token, is wrong; nothing was sent."""

    code = "invalid_input"


class TransportError(DigitalOceanError):
    """No response came (timeout, reset, broken connection); the request may have taken effect."""

    code = "no_response"


class NotSentError(TransportError):
    """No connection was made, so the request had no effect and may be sent again."""

    code = "not_sent"
    tried = "tried"


class InvalidResponseError(DigitalOceanError):
    """A response that is not what the API documents: HTML, broken JSON, a missing id."""

    code = "invalid_response"


class UnknownStatusError(InvalidResponseError):
    """The action has a status that this version does not know."""

    code = "unknown_status"
    action_type = ""
    """Its type, if the API tells."""
    advice = "Check the action in DigitalOcean's control panel; this package may need an update."


class ApiError(DigitalOceanError):
    """The API answered with an error status, or with a redirect, which is not followed."""


class AuthenticationError(ApiError):
    """401: the token is wrong, expired or revoked."""

    code = "unauthorized"
    token_name = ""
    """Where the user has put the token, such as ``the connection's password``."""

    @property
    def advice(self) -> str:  # type: ignore[override]  # read-only here, made from the name
        """Name the place of the token."""
        where = f" into {self.token_name}" if self.token_name else ""
        return f"Put a valid token{where}: this one is unknown or revoked."


class PermissionDeniedError(ApiError):
    """403: the token lacks a scope."""

    code = "forbidden"

    @property
    def advice(self) -> str:  # type: ignore[override]  # read-only here, made from the scope
        """Name the scope to add."""
        return f"Give the token the scope {self.scope}." if self.scope else ""


class NotFoundError(ApiError):
    """404: no such image or action, or a backup that has expired."""

    code = "not_found"
    advice = (
        "Not found in this account: check the ids, and that the image was not deleted and, if "
        "it was a backup, has not expired."
    )


class UnprocessableError(ApiError):
    """422: the API refuses, for example the transfer of a backup."""

    code = "unprocessable"
    advice = "The request is invalid; retrying will not help."


class RateLimitedError(ApiError):
    """429: one of the two rate limits is used up."""

    code = "rate_limited"
    retry_after: float | None = None
    """Seconds to wait, from the API; ``None`` for the limit of 5,000 requests per hour.

    Only the limit of 250 per minute has it (DigitalOcean API, "Rate Limit").
    """
    own_requests: int | None = None
    """How many requests this client sent in that minute or hour; ``None`` if that is unknown."""

    @property
    def advice(self) -> str:  # type: ignore[override]  # read-only here, made from the numbers
        """Say which limit it is, and how many of its requests are known to be ours."""
        unit = "hour" if self.retry_after is None else "minute"
        own = self.own_requests
        sent = "" if own is None else f" This client sent {own} requests in the last {unit}."
        return (
            f"The token's limit of requests per {unit} is used up by all clients of the "
            f"token.{sent}"
        )


class ServerError(ApiError):
    """5xx: DigitalOcean or the proxy before it failed. A POST may have taken effect."""

    code = "server_error"


PERMANENT_ERRORS = (
    AuthenticationError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnknownStatusError,
    UnprocessableError,
)
"""The errors that the same request would meet again, however often it is sent."""

INCONCLUSIVE_STATUSES = frozenset({408, 425, 499})
"""4xx statuses of proxies and load balancers, which say nothing about what the API did."""


def may_have_taken_effect(error: DigitalOceanError) -> bool:
    """Return whether a write that failed with this error may have been carried out all the same.

    Only a 4xx of the API itself, or no connection at all, proves that it was not.
    """
    if isinstance(error, NotSentError):
        return False
    if isinstance(error, ApiError) and error.status is not None:
        rejected = 400 <= error.status < 500  # noqa: PLR2004 - the boundaries are HTTP's
        return not rejected or error.status in INCONCLUSIVE_STATUSES
    return isinstance(error, TransportError | InvalidResponseError | ServerError)


def error_class(status: int) -> type[ApiError]:
    """Return the class for an HTTP error status (400 and above)."""
    if status >= 500:  # noqa: PLR2004 - the boundary is HTTP's
        return ServerError
    return {
        401: AuthenticationError,
        403: PermissionDeniedError,
        404: NotFoundError,
        422: UnprocessableError,
        429: RateLimitedError,
    }.get(status, ApiError)


@contextmanager
def error_context(
    *,
    image_id: int | None = None,
    action_id: int | None = None,
    region: str | None = None,
    droplet: str = "",
    state: str = "",
) -> Iterator[None]:
    """Add to an error what the request was about; any other exception gets a note of it."""
    try:
        yield
    except DigitalOceanError as error:
        raise error.with_facts(
            image_id=error.image_id or image_id,
            action_id=error.action_id or action_id,
            region=error.region or region,
            droplet=error.droplet or droplet,
            state=error.state or state,
        ) from error
    except BaseException as error:
        if about := _about(image_id, droplet, action_id, region):
            error.add_note(about)
        raise


def _about(image_id: int | None, droplet: str, action_id: int | None, region: str | None) -> str:
    parts = (("image ", image_id), ("", droplet), ("action ", action_id), ("region ", region))
    return ", ".join(f"{name}{value}" for name, value in parts if value)
