"""Lists of several pages: when a list ends, and whether rows are missing. Nothing is sent here.

Pages are computed for each request, so a row may move to another page while a list is read. Rows
are therefore counted by their ids, and every reading of a list is bounded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

from airflow_provider_do_images.api.errors import InvalidResponseError
from airflow_provider_do_images.api.fields import Json, total_or_none
from airflow_provider_do_images.api.text import shorten

log = logging.getLogger(__name__)

MAX_PAGES = 1000
"""Pages that one reading of a list takes at most, a fifth of an hour's requests."""

MAX_READINGS = 3
"""How often a list with missing rows is read at most."""

_EXTRA_PAGES = 2
"""Pages beyond those that the total allows: rows may be added while the list is read."""

T = TypeVar("T")
RowKey = int | str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list.

    :param entries: each row with its id: the value, or why the row could not be read.
    :param total: rows on all pages, if the API says so.
    :param last: whether the API names no page after this one.
    :param request_id: the API's id of the request.
    """

    entries: list[tuple[RowKey, T | InvalidResponseError]]
    total: int | None
    last: bool
    request_id: str | None = None

    @property
    def rows(self) -> list[T]:
        """The rows that could be read."""
        return [row for _, row in self.entries if not isinstance(row, InvalidResponseError)]

    @property
    def problems(self) -> list[InvalidResponseError]:
        """Why other rows could not be read."""
        return [row for _, row in self.entries if isinstance(row, InvalidResponseError)]


FetchPage = Callable[[int], Page[T]]
"""Reads a page of a list by its number, from 1."""


def parse_page(
    body: Json, path: str, key: str, read: Callable[[Any], T], request_id: str | None
) -> Page[T]:
    """Return the page that the body of a response holds.

    :param key: the name of the list in the body.
    :param read: reads one row.
    :raises InvalidResponseError: if there is no such list.
    """
    rows = body.get(key)
    if not isinstance(rows, list):
        raise InvalidResponseError(
            f"the response to {path} has no list of {key}", request_id=request_id
        )
    entries: list[tuple[RowKey, T | InvalidResponseError]] = []
    for row in rows:
        try:
            entries.append((_row_key(row), read(row)))
        except InvalidResponseError as error:
            entries.append((_row_key(row), error))
    last = not rows or not _has_next_page(body)
    return Page(entries, total_or_none(body), last, request_id)


@dataclass(slots=True)
class ListReading:
    """One reading of a list, from its first page on.

    :param path: the path of the list, for messages.
    """

    path: str
    keys: set[RowKey] = field(default_factory=set)
    """Ids of the rows that were read."""
    total: int | None = None
    """The highest total of all pages."""
    pages: int = 0
    _first_size: int = 1

    def read(self, fetch: FetchPage[T]) -> Iterator[Page[T]]:
        """Read page by page, lazily.

        :raises InvalidResponseError: if the list may never end.
        """
        for number in count(1):
            page = fetch(number)
            goes_on = self.add(page)
            yield page
            if not goes_on:
                return

    def add(self, page: Page[Any]) -> bool:
        """Count a page, and return whether to read the next one.

        A list goes on while the API names a next page, or counts more rows than were read.

        :raises InvalidResponseError: if it goes on without new rows, or beyond its total.
        """
        new = {key for key, _ in page.entries} - self.keys
        self.keys |= new
        self.pages += 1
        if self.pages == 1:
            self._first_size = max(len(page.entries), 1)
        if page.total is not None:
            self.total = max(self.total or 0, page.total)
        if not page.entries or (page.last and (self.is_complete or not new)):
            return False
        if not new:
            raise self._endless(page, f"page {self.pages} has no new row")
        if self.pages >= self._max_pages():
            raise self._endless(page, f"it goes on after {self.pages} pages")
        return True

    @property
    def is_complete(self) -> bool:
        """Whether as many rows were read as the API counts."""
        return len(self.keys) >= (self.total or 0)

    def incomplete_error(self) -> InvalidResponseError:
        """Return the error of a list whose rows are missing each time it is read."""
        return InvalidResponseError(
            f"{self.path} gave fewer rows than it counts, {MAX_READINGS} times running; to decide "
            f"by a list with gaps would not be safe",
            code="incomplete_list",
        )

    def _max_pages(self) -> int:
        if self.total is None:
            return MAX_PAGES
        return min(-(-self.total // self._first_size) + _EXTRA_PAGES, MAX_PAGES)

    def _endless(self, page: Page[Any], reason: str) -> InvalidResponseError:
        counted = "" if self.total is None else f" of {self.total}"
        return InvalidResponseError(
            f"{self.path} does not end: {reason}, with {len(self.keys)}{counted} rows read",
            request_id=page.request_id,
            code="incomplete_list",
        )


def iterate_rows(path: str, fetch: FetchPage[T]) -> Iterator[T | InvalidResponseError]:
    """Read each row once, lazily, and read the list again if rows are missing at its end.

    :raises InvalidResponseError: if the list does not end, or rows are missing each time.
    """
    seen: set[RowKey] = set()
    for _ in range(MAX_READINGS):
        reading = ListReading(path)
        for page in reading.read(fetch):
            for key, row in page.entries:
                if key not in seen:
                    seen.add(key)
                    yield row
        if reading.is_complete:
            return
        _log_gap(reading)
    raise reading.incomplete_error()


def read_all_rows(path: str, fetch: FetchPage[T]) -> list[T | InvalidResponseError]:
    """Read each row once, all of them in the same reading, which is repeated if rows are missing.

    :raises InvalidResponseError: if the list does not end, or rows are missing each time.
    """
    for _ in range(MAX_READINGS):
        reading = ListReading(path)
        rows = {key: row for page in reading.read(fetch) for key, row in page.entries}
        if reading.is_complete:
            return list(rows.values())
        _log_gap(reading)
    raise reading.incomplete_error()


def _log_gap(reading: ListReading) -> None:
    log.warning("%s gave %d of %d rows.", reading.path, len(reading.keys), reading.total)


def _row_key(row: Any) -> RowKey:
    """Return what tells a row from the others: its id, or what takes its place."""
    for name in ("id", "slug", "name") if isinstance(row, dict) else ():
        value = row.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool):
            return value
    return shorten(row)


def _has_next_page(body: Json) -> bool:
    """Whether the API names a next page; ``links`` may be missing, ``{}`` or ``{"pages": {}}``."""
    links = body.get("links")
    pages = links.get("pages") if isinstance(links, dict) else None
    return isinstance(pages, dict) and bool(pages.get("next"))
