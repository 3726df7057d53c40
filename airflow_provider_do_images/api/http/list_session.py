"""Lists of the API, read page by page over a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from airflow_provider_do_images.api.errors import InvalidResponseError
from airflow_provider_do_images.api.http.retry import RetryPolicy
from airflow_provider_do_images.api.http.session import ApiSession
from airflow_provider_do_images.api.pagination import (
    Page,
    iterate_rows,
    parse_page,
    read_all_rows,
)
from airflow_provider_do_images.api.validation import PAGE_SIZE

T = TypeVar("T")


class ListSession(ApiSession):
    """A session that reads lists; its parameters are those of a session."""

    def rows(
        self,
        path: str,
        key: str,
        scope: str,
        read: Callable[[Any], T],
        params: dict[str, str] | None = None,
        *,
        unread: list[InvalidResponseError] | None = None,
    ) -> Iterator[T]:
        """Read all pages lazily, and again if rows are missing at the end.

        A row that cannot be read is logged and left out.

        :param unread: gets why rows could not be read.
        :raises InvalidResponseError: at the end, if rows are missing each time.
        """
        fetch = self._page_reader(path, key, scope, read, params)
        for row in iterate_rows(path, fetch):
            if not isinstance(row, InvalidResponseError):
                yield row
            elif unread is not None:
                unread.append(row)

    def all_rows(
        self,
        path: str,
        key: str,
        scope: str,
        read: Callable[[Any], T],
        params: dict[str, str] | None = None,
    ) -> list[T]:
        """Read all pages, and again if rows are missing: all rows come from one reading.

        :raises InvalidResponseError: if there are fewer rows than the API counts each time.
        """
        fetch = self._page_reader(path, key, scope, read, params)
        rows = read_all_rows(path, fetch)
        return [row for row in rows if not isinstance(row, InvalidResponseError)]

    def _page_reader(
        self,
        path: str,
        key: str,
        scope: str,
        read: Callable[[Any], T],
        params: dict[str, str] | None,
    ) -> Callable[[int], Page[T]]:
        def fetch(number: int) -> Page[T]:
            page = self.page(path, key, scope, read, number=number, params=params)
            for problem in page.problems:
                about = f"{path}: {problem.message}"
                self._warn_once(f"Left out a row of {path}: {problem}", about)
            return page

        return fetch

    def page(
        self,
        path: str,
        key: str,
        scope: str,
        read: Callable[[Any], T],
        *,
        number: int,
        params: dict[str, str] | None = None,
        retry: RetryPolicy | None = None,
    ) -> Page[T]:
        """Read one page; a row that cannot be read is left out.

        Pages are counted, not followed by address: the token goes to the base URL alone.
        """
        wanted = {**(params or {}), "page": str(number), "per_page": str(PAGE_SIZE)}
        body = self.send("GET", path, scope, params=wanted, retry=retry)
        return parse_page(body, path, key, read, self.request_id)
