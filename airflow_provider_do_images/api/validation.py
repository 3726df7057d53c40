"""Checks of what a user gives, made before anything is sent. Pure functions.

Each returns the value in its one form, or raises :class:`InvalidInputError` with the parameter's
name, what would be right, and a short form of what it got.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from numbers import Real
from typing import Any, NoReturn

from airflow_provider_do_images.api.errors import InvalidInputError
from airflow_provider_do_images.api.text import shorten

PAGE_SIZE = 200
"""The most rows the API gives on one page."""

DAY = 24 * 60 * 60.0
YEAR = 365 * DAY
LONGEST = 100 * YEAR
SHORTEST = 0.001
"""Seconds of the shortest interval and timeout."""

_UNITS = {"seconds": 1.0, "hours": 3600.0, "days": DAY}
_MOST_ID = 2**64 - 1
_MOST_ITEMS = 1000

_DIGITS = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# All slugs seen so far are letters and a number (nyc3, mkc1). The list itself depends on the
# account and grows, so a well-formed slug is left for the API to judge.
_REGION_SLUG = re.compile(r"[a-z]{2,}[0-9]+")
_TAG = re.compile(r"[A-Za-z0-9_:-]{1,255}")  # DigitalOcean API, "Tags"


def is_given(value: Any) -> bool:
    """Whether a parameter is given: a template may render to empty text."""
    return value is not None and not (isinstance(value, str) and not value)


def _refuse(name: str, must: str, value: Any) -> NoReturn:
    raise InvalidInputError(f"{name} must be {must}; got {shorten(value)}")


def check_id(name: str, value: Any) -> int:
    """Return a positive integer id, given as one, as a string of digits, or in a row.

    :param name: the parameter's name, such as ``image_id``; a row has the id under this key, and an
        ``action_id`` under ``id``, too.
    :raises InvalidInputError: for anything else, ``bool`` included.
    """
    number = value
    if isinstance(value, Mapping):
        keys = (name, "id") if name == "action_id" else (name,)
        number = next((value[key] for key in keys if key in value), None)
    if isinstance(number, str) and _DIGITS.fullmatch(number.strip()):
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number <= _MOST_ID:
        return int(number)
    row = f", or a row with the key {name!r}" if name.isidentifier() else ""
    _refuse(name, f"a positive whole number, for example 3038067722{row}", value)


def check_count(name: str, value: Any, *, least: int = 0, most: int = 1_000_000) -> int:
    """Return a whole number, given as one or as a string of digits.

    :raises InvalidInputError: for anything else, ``bool`` included, and out of bounds.
    """
    number = value
    if isinstance(number, str) and _DIGITS.fullmatch(number.strip()):
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
        return int(number)
    _refuse(name, f"a whole number from {least} to {most:,}", value)


def check_seconds(
    name: str, value: Any, *, least: float = SHORTEST, most: float = LONGEST, unit: str = "seconds"
) -> float:
    """Return a duration in seconds, given as a number, as the text of one, or as a ``timedelta``.

    :param least: seconds at least.
    :param most: seconds at most.
    :param unit: of a number: ``seconds``, ``hours`` or ``days``.
    :raises InvalidInputError: for anything else, and out of bounds.
    """
    if isinstance(value, timedelta):
        seconds: float | None = value.total_seconds()
    else:
        number = _number(value)
        seconds = None if number is None else number * _UNITS[unit]
    if seconds is not None and least <= seconds <= most:
        return seconds
    low, high = (f"{bound / _UNITS[unit]:,.10g}" for bound in (least, most))
    _refuse(name, f"a number of {unit} from {low} to {high}, or a timedelta", value)


def check_interval(name: str, value: Any) -> float:
    """Return the seconds between two polls: a day at most."""
    return check_seconds(name, value, most=DAY)


def check_timeout(name: str, value: Any) -> float:
    """Return the seconds of a wait: a year at most."""
    return check_seconds(name, value, most=YEAR)


def check_verify_timeout(name: str, value: Any) -> float:
    """Return the seconds of a verification: a day at most, 0 for none."""
    return check_seconds(name, value, least=0.0, most=DAY)


def check_moment(name: str, value: Any) -> float:
    """Return a time in Unix seconds: two centuries from 1970 on at most."""
    return check_seconds(name, value, least=0.0, most=200 * YEAR)


def check_price(name: str, value: Any) -> float:
    """Return a price, 0 or more.

    :raises InvalidInputError: for anything else.
    """
    price = _number(value)
    if price is not None and 0 <= price <= 1_000_000:  # noqa: PLR2004 - USD, far beyond any price
        return price
    _refuse(name, "an amount of money from 0 to 1,000,000", value)


def check_share(name: str, value: Any) -> float:
    """Return a share from 0 up to, but not including, 1.

    :raises InvalidInputError: for anything else.
    """
    share = _number(value)
    if share is not None and 0 <= share < 1:
        return share
    _refuse(name, "a share from 0 to below 1", value)


def _number(value: Any) -> float | None:
    """Read a finite number, or the text of one as a template renders it."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value.strip())
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def check_flag(name: str, value: Any) -> bool:
    """Return a switch, given as ``bool`` or, as templates render it, as ``true`` or ``false``.

    :raises InvalidInputError: for anything else: a text that is not empty is not simply true.
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    if isinstance(value, bool) or text in ("true", "false"):
        return value is True or text == "true"
    _refuse(name, "true or false", value)


def check_time(name: str, value: Any, *, needs_offset: bool = False) -> datetime:
    """Return a time from 1970 on, given as a ``datetime`` or as ISO 8601 text; UTC by default.

    :param needs_offset: refuse a time without an offset.
    :raises InvalidInputError: for anything else.
    """
    moment: datetime | None = None
    try:
        given = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if given.utcoffset() is not None:
            moment = given.astimezone(UTC)
        elif not needs_offset:
            moment = given.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        pass
    if moment is not None and moment.year >= 1970:  # noqa: PLR2004 - the first year of Unix time
        return moment
    offset = " with an offset" if needs_offset else ""
    _refuse(name, f"a datetime or ISO 8601 text{offset}, such as '2026-11-23T00:00:00Z'", value)


def check_string(name: str, value: Any) -> str:
    """Return text as it is.

    :raises InvalidInputError: for anything else: a natively rendered template makes ``12026`` of
        ``1_2026``, and the meaning is ambiguous.
    """
    if isinstance(value, str):
        return value
    raise InvalidInputError(
        f"{name} must be text; got {shorten(value)}. If a natively rendered template made it of "
        f"text, put quotes inside the template"
    )


def check_text(name: str, value: Any) -> str:
    """Return a text of up to 255 characters without blanks around it.

    :raises InvalidInputError: for anything else, and for empty text.
    """
    text = check_string(name, value)
    if text and len(text) <= 255 and text == text.strip() and not _CONTROL.search(text):  # noqa: PLR2004 - longer than any name
        return text
    _refuse(name, "1 to 255 characters of text, without blanks at its start or end", value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return one of several words.

    :raises InvalidInputError: for anything else.
    """
    if check_string(name, value) in choices:
        return str(value)
    _refuse(name, f"one of {', '.join(map(repr, choices))}", value)


def check_region(value: Any, name: str = "region") -> str:
    """Return a region slug such as ``nyc3``.

    :raises InvalidInputError: for an empty or malformed slug, blanks around it included.
    """
    text = check_string(name, value)
    if _REGION_SLUG.fullmatch(text):
        return text
    blanks = ", without the blanks around it" if text != text.strip() else ""
    _refuse(name, f"a region slug in lower case, for example 'nyc3'{blanks}", value)


def check_regions(value: Any, *, least: int = 0) -> tuple[str, ...]:
    """Return region slugs in the order given, each once; a set's in that of the alphabet.

    Given as text they are slugs between commas, or a list as a template renders it:
    ``['ams3', 'sgp1']``.

    :raises InvalidInputError: for anything else, a malformed slug, and fewer than ``least``.
    """
    items = _items(_listed(value) if isinstance(value, str) else value)
    if items is None or len(items) < least:
        few = ", at least one" if least else ""
        _refuse("regions", f"a list of region slugs{few}, for example ['ams3', 'sgp1']", value)
    return tuple(dict.fromkeys([check_region(slug, "each of regions") for slug in items]))


def _items(value: Any) -> list[Any] | None:
    """Return what is in a sequence, a lazy one included, or in a set; text is neither."""
    if not isinstance(value, Sequence | AbstractSet) or isinstance(value, str | bytes | bytearray):
        return None
    if len(value) > _MOST_ITEMS:
        return None
    return sorted(value, key=str) if isinstance(value, AbstractSet) else list(value)


def _listed(text: str) -> Any:
    if not text.startswith(("[", "(")):
        return re.split(", *", text) if text else []
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def check_tag(name: str, value: Any) -> str:
    """Return a tag: up to 255 ASCII letters, digits, colons, dashes and underscores.

    :raises InvalidInputError: for anything else.
    """
    if _TAG.fullmatch(check_string(name, value)):
        return str(value)
    must = "a tag of 1 to 255 ASCII letters, digits, colons, dashes and underscores"
    _refuse(name, f"{must}, for example 'nightly'", value)


def check_tags(value: Any) -> tuple[str, ...]:
    """Return tags, each once; DigitalOcean ignores their case, so the first spelling stays.

    :raises InvalidInputError: unless they are a list of valid tags.
    """
    items = _items(value)
    if items is None:
        _refuse("tags", "a list of tags, for example ['nightly']", value)
    tags = [check_tag("each of tags", tag) for tag in items]
    return tuple({tag.lower(): tag for tag in reversed(tags)}.values())[::-1]


def has_tag(tags: Iterable[str], wanted: str) -> bool:
    """Whether a tag is among those of a resource; DigitalOcean ignores the case of tags."""
    return wanted.lower() in (tag.lower() for tag in tags)
