"""Checks of what a user gives, made before anything is sent. Pure functions."""

from __future__ import annotations

import ast
import ipaddress
import os
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_do_images.api.errors import InvalidInputError

DEFAULT_BASE_URL = "https://api.digitalocean.com"
PAGE_SIZE = 200
"""The most rows the API gives on one page."""

# All slugs seen so far are letters and a number (nyc3, mkc1). The list itself depends on the
# account and grows, so a well-formed slug is left for the API to judge.
_REGION_SLUG = re.compile(r"[a-z]{2,}[0-9]+")
_TAG = re.compile(r"[A-Za-z0-9_:-]{1,255}")  # DigitalOcean API, "Tags"


def check_id(name: str, value: Any) -> int:
    """Return a positive integer id, given as one or as a string of digits.

    :param name: the parameter's name for the message, such as ``image_id``.
    :raises InvalidInputError: for anything else, ``bool`` included.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.isdigit():
        text = int(text)
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    raise InvalidInputError(
        f"{name} must be a positive whole number, for example 3038067722; got {value!r}"
    )


def check_region(value: Any, name: str = "region") -> str:
    """Return a region slug such as ``nyc3``.

    :raises InvalidInputError: for an empty or malformed slug.
    """
    if isinstance(value, str) and _REGION_SLUG.fullmatch(value):
        return value
    raise InvalidInputError(
        f"{name} must be a region slug in lower case, for example 'nyc3'; got {value!r}"
    )


def check_seconds(name: str, value: Any) -> float:
    """Return a finite number of seconds above 0, given as one or as a ``timedelta``.

    :raises InvalidInputError: for anything else.
    """
    value = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        seconds = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if 0 < seconds < float("inf"):
        return seconds
    raise InvalidInputError(f"{name} must be seconds above 0; got {value!r}")


def check_count(name: str, value: Any, *, least: int = 0) -> int:
    """Return a whole number, given as one or as a string of digits.

    :raises InvalidInputError: for anything else, ``bool`` included, and for fewer than ``least``.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.isdigit():
        text = int(text)
    if isinstance(text, int) and not isinstance(text, bool) and text >= least:
        return text
    raise InvalidInputError(f"{name} must be a whole number, {least} or more; got {value!r}")


def check_flag(name: str, value: Any) -> bool:
    """Return a switch, given as ``bool`` or, as templates render it, as ``true`` or ``false``.

    :raises InvalidInputError: for anything else: a text that is not empty is not simply true.
    """
    text = value.strip().lower() if isinstance(value, str) else value
    if text in ("true", "false"):
        return bool(text == "true")
    if isinstance(text, bool):
        return text
    raise InvalidInputError(f"{name} must be true or false; got {value!r}")


def check_regions(value: Any, *, least: int = 0) -> tuple[str, ...]:
    """Return region slugs in the order given, each once; a set's in that of the alphabet.

    Given as text they are slugs between commas, or a list as a template renders it:
    ``['ams3', 'sgp1']``.

    :raises InvalidInputError: for anything else, a malformed slug, and fewer than ``least``.
    """
    items = _listed(value.strip()) if isinstance(value, str) else value
    if not isinstance(items, list | tuple | set | frozenset) or len(items) < least:
        raise InvalidInputError(
            f"regions must be a list of region slugs{', at least one' if least else ''}, for "
            f"example ['ams3', 'sgp1']; got {value!r}"
        )
    slugs = [item.strip() if isinstance(item, str) else item for item in items]
    if isinstance(items, set | frozenset):
        slugs.sort(key=str)
    return tuple(dict.fromkeys([check_region(slug, "each of regions") for slug in slugs]))


def _listed(text: str) -> Any:
    if not text.startswith(("[", "(")):
        return text.split(",") if text else []
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None


def check_price(name: str, value: Any) -> float:
    """Return a price, 0 or more.

    :raises InvalidInputError: for anything else.
    """
    try:
        price = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        price = -1.0
    if 0 <= price < float("inf"):
        return price
    raise InvalidInputError(f"{name} must be an amount of money, 0 or more; got {value!r}")


def check_tag(name: str, value: Any) -> str:
    """Return a tag: up to 255 ASCII letters, digits, colons, dashes and underscores.

    :raises InvalidInputError: for anything else.
    """
    if isinstance(value, str) and _TAG.fullmatch(value):
        return value
    raise InvalidInputError(
        f"{name} must be a tag of 1 to 255 ASCII letters, digits, colons, dashes and underscores, "
        f"for example 'nightly'; got {value!r}"
    )


def check_tags(value: Any) -> tuple[str, ...]:
    """Return tags, each once; DigitalOcean ignores their case, so the first spelling stays.

    :raises InvalidInputError: unless they are a list of valid tags.
    """
    if not isinstance(value, list | tuple | set | frozenset):
        raise InvalidInputError(
            f"tags must be a list of tags, for example ['nightly']; got {value!r}"
        )
    tags = [check_tag("each of tags", tag) for tag in value]
    return tuple({tag.lower(): tag for tag in reversed(tags)}.values())[::-1]


def has_tag(tags: Iterable[str], wanted: str) -> bool:
    """Whether a tag is among those of a resource; DigitalOcean ignores the case of tags."""
    return wanted.lower() in (tag.lower() for tag in tags)


def check_share(name: str, value: Any) -> float:
    """Return a share from 0 up to, but not including, 1.

    :raises InvalidInputError: for anything else.
    """
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if 0 <= share < 1:
        return share
    raise InvalidInputError(f"{name} must be a share from 0 to below 1; got {value!r}")


def check_text(name: str, value: Any) -> str:
    """Return a text without blanks around it.

    :raises InvalidInputError: for anything else, and for nothing but blanks.
    """
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise InvalidInputError(f"{name} must be a text; got {value!r}")


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
            f"machine; got {value!r}"
        ) from None


def check_base_url(value: str | None, name: str = "the base URL (host)") -> str:
    """Return the API's base URL without a trailing slash; empty means DigitalOcean itself.

    :param name: the parameter's name for the message.
    :raises InvalidInputError: without scheme or host, with anything behind the host, or with
        plain http to anything but this machine, since that would send the token in the clear.
    """
    text = (value or "").strip().rstrip("/")
    if not text:
        return DEFAULT_BASE_URL
    fix = f"{name} must look like 'https://api.digitalocean.com', or be empty"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInputError(f"{fix}; got {_without_userinfo(text)!r} ({error})") from None
    if parts.scheme not in ("http", "https") or not host:
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
    return text


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
