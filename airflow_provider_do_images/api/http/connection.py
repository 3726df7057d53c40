"""Checks of where a connection leads, and of whom it trusts."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_do_images.api.errors import InvalidInputError
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_flag

DEFAULT_BASE_URL = "https://api.digitalocean.com"

_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


def check_verify(name: str, value: Any) -> bool | str:
    """Return whether a server's certificate is checked, or the path of the authorities to trust.

    :param value: ``true``, ``false``, or a path to a file or folder of certificates on this
        machine, as ``requests`` takes them.
    :raises InvalidInputError: for anything else, also if there is nothing at that path.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and os.path.exists(text):  # noqa: PTH110 - bears any text
        return text
    try:
        return check_flag(name, text)
    except InvalidInputError:
        raise InvalidInputError(
            f"{name} must be true, false, or the path of a file or folder of certificates on this "
            f"machine; got {shorten(value)}"
        ) from None


def check_base_url(value: str | None, name: str = "the base URL (host)") -> str:
    """Return the API's base URL without a trailing slash; empty means DigitalOcean itself.

    :param name: the parameter's name for the message.
    :raises InvalidInputError: without scheme or host, with anything behind the host, or with
        plain http to anything but this machine, since that would send the token in the clear.
    """
    if not isinstance(value, str | None):
        raise InvalidInputError(f"{name} must be text; got {type(value).__name__}")
    text = (value or "").strip().rstrip("/")
    if not text:
        return DEFAULT_BASE_URL
    fix = f"{name} must be a URL like 'https://api.digitalocean.com', or be empty"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidInputError(f"{fix}; got {_without_userinfo(text)!r} ({error})") from None
    is_host = _HOST.fullmatch(host) and text.isprintable()
    if parts.scheme not in ("http", "https") or not is_host:
        raise InvalidInputError(f"{fix}; got {_without_userinfo(text)!r}")
    if parts.username or parts.password:
        raise InvalidInputError(f"{fix}; it must not contain a user name, password or token")
    if parts.path or parts.query or parts.fragment:
        raise InvalidInputError(f"{fix}, with nothing behind the host; got {text!r}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise InvalidInputError(
            f"{name} must use https, since plain http would show the token to the "
            f"network; got {text!r}"
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback_url(base_url: str) -> bool:
    """Whether a base URL is one of this machine's own addresses."""
    return _is_loopback(urlsplit(base_url).hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_userinfo(text: str) -> str:
    return re.sub(r"[^/@]*@", "***@", text)
