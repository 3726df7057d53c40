"""From what ``requests`` gives to bodies and errors of ours; nothing is sent here."""

from __future__ import annotations

import json
import ssl
import time
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from airflow_provider_do_images.api.budget import RateLimit
from airflow_provider_do_images.api.errors import (
    ApiError,
    DigitalOceanError,
    InvalidInputError,
    InvalidResponseError,
    NotSentError,
    RateLimitedError,
    TransportError,
    error_class,
)
from airflow_provider_do_images.api.models import Json

REQUEST_ID = "x-request-id"
"""The header with the id that DigitalOcean's support asks for."""

_PIECE = 2**16


def check_token(token: str) -> str:
    """Return the token, if it can be sent in a header.

    :raises InvalidInputError: for an empty one, or one with blanks or line ends. The message does
        not repeat it.
    """
    if not token:
        raise InvalidInputError("the token is empty")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInputError(
            "the token has blanks, line ends or other characters that no token has; paste it again"
        )
    return token


def read_rate_limit(response: requests.Response) -> RateLimit | None:
    """Read the rate limit headers; a 401 and a proxy's own answers have none.

    The answer to a burst has them too, but then ``remaining`` is 0 though the hour has room.
    """
    headers = response.headers
    if response.status_code == 429 and "retry-after" in headers:  # noqa: PLR2004 - HTTP's number
        return None
    try:
        limit, remaining = int(headers["ratelimit-limit"]), int(headers["ratelimit-remaining"])
    except (KeyError, ValueError):
        return None
    reset = headers.get("ratelimit-reset", "")
    moment = float(reset) if reset.isascii() and reset.isdigit() else None
    return RateLimit(limit=limit, remaining=remaining, reset=moment)


def read_content(response: requests.Response, seconds: float) -> bytes:
    """Read the whole body of a streamed answer.

    The time-out of ``requests`` starts anew with each piece that comes, so that an answer which
    drips in would hold up a wait beyond its deadline; this one is for the whole.

    :raises TransportError: if the body breaks off, or is not there after so many seconds.
    """
    end = time.monotonic() + seconds
    pieces = []
    try:
        while piece := response.raw.read1(_PIECE, decode_content=True):
            pieces.append(piece)
            if time.monotonic() > end:
                response.close()
                raise TransportError(f"the answer was not complete after {seconds:g} s")
    except HTTPError as error:
        raise transport_error(requests.ConnectionError(error)) from error
    return b"".join(pieces)


def read_body(response: requests.Response, content: bytes) -> Json:
    """Return the JSON object of an answer, an empty one where there is to be none (204).

    :raises ApiError: for a status of 400 and above, and for a redirect.
    :raises InvalidResponseError: where there is no JSON object.
    """
    status = response.status_code
    if status == 204:  # noqa: PLR2004 - HTTP's number
        return {}
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    request_id = fields.get("request_id") or response.headers.get(REQUEST_ID)
    if status >= 400:  # noqa: PLR2004 - the boundary is HTTP's
        raise _api_error(response, fields, request_id)
    if not 200 <= status < 300:  # noqa: PLR2004 - the boundary is HTTP's
        raise ApiError(
            "the API answered with a redirect, which is not followed because it could take the "
            "token to another host; check the base URL",
            status=status,
            request_id=request_id,
        )
    if not isinstance(body, dict):
        kind = response.headers.get("content-type", "no content type")
        raise InvalidResponseError(
            f"the answer is not a JSON object but {kind}", status=status, request_id=request_id
        )
    return fields


def _api_error(response: requests.Response, fields: Json, request_id: Any) -> DigitalOceanError:
    status = response.status_code
    message = fields.get("message")
    if not isinstance(message, str) or not message:
        message = f"{response.reason or 'an error'} (no message from the API)"
    error_id = fields.get("id")
    kind = error_class(status)
    error = kind(
        message,
        status=status,
        error_id=error_id if isinstance(error_id, str) else None,
        request_id=request_id if isinstance(request_id, str) else None,
    )
    if isinstance(error, RateLimitedError):
        error.retry_after = _retry_after(response)
    return error


def _retry_after(response: requests.Response) -> float | None:
    try:
        return max(float(response.headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return None


def transport_error(error: requests.RequestException, base_url: str = "") -> DigitalOceanError:
    """Translate an exception of ``requests``, telling "never sent" from "nobody knows".

    :param base_url: where the request was to go.
    """
    reason = getattr(error.args[0], "reason", None) if error.args else None
    not_connected = isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        reason, NewConnectionError | ConnectTimeoutError
    )
    kind = NotSentError if not_connected else TransportError
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in getattr(reason, "args", ())):
        return NotSentError(
            "the certificate of the API, or of a proxy before it, is not trusted, so nothing was "
            "sent; if it is right, set verify to the file of its authority's certificate"
        )
    # The text of the exception may hold the address and, through a proxy, more: its kind is enough.
    cause = type(reason or error).__name__
    if not_connected:
        to = f" at {base_url}" if base_url else ""
        return kind(f"no connection to the API{to} ({cause}); nothing was sent")
    return kind(f"no answer from the API ({cause}); whether the request took effect is not known")


def has_next_page(body: Json) -> bool:
    """Whether a list goes on; ``links`` may be missing, ``{}`` or ``{"pages": {}}``."""
    links = body.get("links")
    pages = links.get("pages") if isinstance(links, dict) else None
    return isinstance(pages, dict) and bool(pages.get("next"))


def total(body: Json) -> int | None:
    """Return how many rows all pages of a list have, if the answer tells."""
    meta = body.get("meta")
    number = meta.get("total") if isinstance(meta, dict) else None
    return number if isinstance(number, int) else None
