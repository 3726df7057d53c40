"""Single fields of the API's JSON: each is checked and bounded where it is read.

A value that cannot be right, such as a time in the year 9999 or an id of 400 digits, counts as
missing. So no arithmetic, database or log behind this module meets it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from airflow_provider_do_images.api.errors import InvalidResponseError
from airflow_provider_do_images.api.text import shorten

Json = dict[str, Any]

MAX_ID = 2**63 - 1
"""The highest id that a database and every other client of the API can hold."""

MAX_NUMBER = 10**9
"""No count and no size in GiB of this API comes near it."""

MAX_TEXT = 1024
"""Characters of one text; DigitalOcean's names and tags have 255 at most."""

_ID_DIGITS = 20
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


def object_of(data: Any, what: str) -> Json:
    """Return a JSON object.

    :raises InvalidResponseError: for anything else.
    """
    if isinstance(data, dict):
        return data
    raise InvalidResponseError(f"expected an object for the {what}, got {shorten(data)}")


def required_id(row: Json, what: str) -> int:
    """Return the id of an object.

    :raises InvalidResponseError: if it has none.
    """
    number = id_or_none(row.get("id"))
    if number is None:
        raise InvalidResponseError(f"the {what} has no usable id: {shorten(row)}")
    return number


def id_or_none(value: Any) -> int | None:
    """Read an id; some endpoints (``/v2/snapshots``) write it as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _ID_DIGITS:
        value = int(value)
    return value if _is_int(value) and 0 < value <= MAX_ID else None


def ids_of(value: Any) -> tuple[int, ...]:
    """Read a list of ids, without those that are none."""
    numbers = (id_or_none(item) for item in value) if isinstance(value, list) else ()
    return tuple(number for number in numbers if number is not None)


def count_or_none(value: Any) -> int | None:
    """Read a whole number that is not negative."""
    return value if _is_int(value) and 0 <= value <= MAX_NUMBER else None


def number_or_none(value: Any) -> float | None:
    """Read a number that is not negative."""
    if not _is_int(value) and not (isinstance(value, float) and math.isfinite(value)):
        return None
    return float(value) if 0 <= value <= MAX_NUMBER else None


def text_or_none(value: Any, longest: int = MAX_TEXT) -> str | None:
    """Read a text, cut to a length, without what UTF-8 or a database cannot hold."""
    if not isinstance(value, str):
        return None
    text = value[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode("utf-8")


def texts_of(value: Any) -> tuple[str, ...]:
    """Read a list of texts, without what is none."""
    texts = (text_or_none(item) for item in value) if isinstance(value, list) else ()
    return tuple(text for text in texts if text is not None)


def time_or_none(value: Any) -> datetime | None:
    """Read a time, with or without a fraction of a second, as UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def total_or_none(body: Json) -> int | None:
    """Return how many rows all pages of a list have, if the response says so."""
    meta = body.get("meta")
    return count_or_none(meta.get("total")) if isinstance(meta, dict) else None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
