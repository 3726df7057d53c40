"""What lies between ``requests`` and the session: its set-up, responses and errors."""

from __future__ import annotations

import json
import math
import ssl
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

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
from airflow_provider_do_images.api.fields import Json, text_or_none
from airflow_provider_do_images.api.http.rate_limit import HOUR, RateLimit
from airflow_provider_do_images.api.text import shorten

REQUEST_ID = "x-request-id"
"""The header with the id that DigitalOcean's support asks for."""

MAX_BODY = 32 * 2**20
"""Bytes of a response, unpacked; a page of 200 images is a few hundred kilobytes."""

_PIECE = 2**16
_DIGITS = 12
_LONGEST_ID, _LONGEST_MESSAGE = 100, 500


class _BearerAuth(AuthBase):
    """The only place that holds the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def open_session(token: str, user_agent: str) -> requests.Session:
    """Return a session that sends the token with each request."""
    session = requests.Session()
    session.auth = _BearerAuth(token)
    session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
    return session


def close_session(session: requests.Session) -> None:
    """Close the session's connections."""
    # requests only forgets its pools, and an error that somebody keeps may still refer to one.
    for adapter in session.adapters.values():
        if isinstance(adapter, HTTPAdapter):
            for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
                for key in manager.pools.keys():  # noqa: SIM118 - it cannot be iterated
                    manager.pools[key].close()
    session.close()


def check_token(token: Any) -> str:
    """Return the token, if it can be sent in a header.

    :raises InvalidInputError: for an empty one, or one with blanks or line ends. The message does
        not repeat it.
    """
    if not token:
        raise InvalidInputError("the token is empty")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInputError(
            "the token has blanks, line ends or other characters that no token has; paste it again"
        )
    return token


def read_rate_limit(response: requests.Response) -> RateLimit | None:
    """Read the rate limit headers; a 401 and a proxy's own responses have none.

    The response to a burst has them too, but then ``remaining`` is 0 though the hour has room.
    """
    headers = response.headers
    if response.status_code == 429 and "retry-after" in headers:  # noqa: PLR2004 - HTTP's number
        return None
    limit = _whole_number(headers.get("ratelimit-limit"))
    remaining = _whole_number(headers.get("ratelimit-remaining"))
    if not limit or remaining is None:
        return None
    reset = _whole_number(headers.get("ratelimit-reset"))
    return RateLimit(
        limit=limit,
        remaining=min(remaining, limit),
        reset=None if reset is None else float(reset),
    )


def _whole_number(text: str | None) -> int | None:
    """Read a header's number, if it is one of a size that can be right."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def read_request_id(response: requests.Response) -> str | None:
    """Return the API's id of a request, if the response has one."""
    return text_or_none(response.headers.get(REQUEST_ID), _LONGEST_ID) or None


def read_content(response: requests.Response, seconds: float) -> bytes:
    """Read the whole body of a streamed response.

    The timeout of ``requests`` restarts with each piece, so that a response which
    drips in would hold up a wait beyond its deadline; this one is for the whole.

    :raises TransportError: if the body breaks off, or is not there after so many seconds.
    :raises InvalidResponseError: if it is larger than any response of the API can be.
    """
    content, end = bytearray(), time.monotonic() + seconds
    while piece := _read_piece(response):
        content += piece
        if time.monotonic() > end:
            response.close()
            raise TransportError(f"the response was not complete after {seconds:g} s")
        if len(content) > MAX_BODY:
            response.close()
            raise InvalidResponseError(
                f"the response is larger than {MAX_BODY // 2**20} MiB",
                status=response.status_code,
                request_id=read_request_id(response),
            )
    return bytes(content)


def _read_piece(response: requests.Response) -> bytes:
    try:
        return response.raw.read1(_PIECE, decode_content=True) or b""
    except Exception as error:  # of urllib3, http.client or a decoder
        response.close()
        raise _no_answer(error) from error


def read_body(response: requests.Response, content: bytes) -> Json:
    """Return the JSON object of a response, an empty one where there is to be none (204).

    :raises ApiError: for a status of 400 and above, and for a redirect.
    :raises InvalidResponseError: where there is no JSON object.
    """
    status = response.status_code
    if status == 204:  # noqa: PLR2004 - HTTP's number
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    fields = body if isinstance(body, dict) else {}
    request_id = text_or_none(fields.get("request_id"), _LONGEST_ID) or read_request_id(response)
    if status >= 400:  # noqa: PLR2004 - the boundary is HTTP's
        raise _api_error(response, fields, request_id)
    if status >= 300:  # noqa: PLR2004 - the boundary is HTTP's
        raise ApiError(
            "the API answered with a redirect, which is not followed because it could take the "
            "token to another host; check the base URL",
            status=status,
            request_id=request_id,
        )
    if status < 200:  # noqa: PLR2004 - the boundary is HTTP's
        raise ApiError(
            "the API sent an interim response, and no response after it",
            status=status,
            request_id=request_id,
        )
    if not isinstance(body, dict):
        kind = shorten(response.headers.get("content-type", "no content type"))
        raise InvalidResponseError(
            f"the response is not a JSON object but {kind}", status=status, request_id=request_id
        )
    return fields


def _api_error(
    response: requests.Response, fields: Json, request_id: str | None
) -> DigitalOceanError:
    status = response.status_code
    message = text_or_none(fields.get("message"), _LONGEST_MESSAGE)
    if not message:
        reason = text_or_none(response.reason, _LONGEST_ID) or "an error"
        message = f"{reason} (no message from the API)"
    kind = error_class(status)
    error = kind(
        message,
        status=status,
        error_id=text_or_none(fields.get("id"), _LONGEST_ID),
        request_id=request_id,
    )
    if isinstance(error, RateLimitedError):
        return error.with_facts(retry_after=_retry_after(response))
    return error


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds to wait, if known; both rate limits are over after an hour."""
    try:
        seconds = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return min(max(seconds, 0.0), HOUR) if math.isfinite(seconds) else None


def transport_error(error: Exception, base_url: str = "") -> DigitalOceanError:
    """Translate an exception of ``requests`` or what is below it, by whether anything was sent.

    :param base_url: where the request was to go.
    """
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in getattr(reason, "args", ())):
        return NotSentError(
            "the certificate of the API, or of a proxy before it, is not trusted, so nothing was "
            "sent; if it is right, set verify to the file of its authority's certificate"
        )
    if _is_unusable_setting(error):
        return NotSentError(
            f"a proxy or a certificate file that this machine's environment names cannot be used "
            f"({type(error).__name__}), so nothing was sent; check HTTPS_PROXY, ALL_PROXY, "
            f"REQUESTS_CA_BUNDLE and verify"
        )
    if isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        reason, NewConnectionError | ConnectTimeoutError
    ):
        to = f" at {base_url}" if base_url else ""
        cause = type(reason or error).__name__
        return NotSentError(f"no connection to the API{to} ({cause}); nothing was sent")
    return _no_answer(reason or error)


def _no_answer(error: object) -> TransportError:
    # The text of the exception may hold the address and, through a proxy, more: its kind is enough.
    cause = type(error).__name__
    return TransportError(
        f"no response from the API ({cause}); whether the request took effect is not known"
    )


def _is_unusable_setting(error: Exception) -> bool:
    """Whether ``requests`` refused a setting before it opened a connection.

    It raises a bare ``OSError`` only for a certificate file that is not there.
    """
    if isinstance(error, requests.RequestException):
        return isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema)
    return isinstance(error, OSError)
