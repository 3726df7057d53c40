"""Pagination: 20 rows per page by default, at most 200 (confirmed); the first page is 1.

An invalid page or size is ignored, and a size above 200 counts as 200 (both assumed).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any
from urllib.parse import urlencode

from airflow_provider_do_images.simulator.http.request import ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.state.sorted_index import SortedIndex

DEFAULT_SIZE = 20
MAX_SIZE = 200
MAX_DIGITS = 9


def paginate(
    request: ApiRequest,
    name: str,
    total: int,
    fetch_rows: Callable[[int, int], list[dict[str, Any]]],
) -> ApiResponse:
    """Return the requested page with ``links`` and ``meta``.

    :param name: the key of the list, such as ``images``.
    :param total: the number of rows on all pages.
    :param fetch_rows: returns the rows from a start to before a stop position.
    """
    page = _positive(request.query.get("page"), 1)
    size = min(_positive(request.query.get("per_page"), DEFAULT_SIZE), MAX_SIZE)
    body: dict[str, Any] = {name: fetch_rows((page - 1) * size, page * size)}
    links = _links(request, page, max(1, -(-total // size)))
    if links is not None:
        body["links"] = links
    body["meta"] = {"total": total}
    return ApiResponse(body)


def paginate_index(
    request: ApiRequest,
    name: str,
    index: SortedIndex,
    key: Hashable,
    row: Callable[[int], dict[str, Any]],
    *,
    newest_first: bool = False,
) -> ApiResponse:
    """Return a page of the ids under ``key``; ``row`` serializes the object with an id."""
    ids = index.newest_first if newest_first else index.oldest_first
    return paginate(
        request,
        name,
        index.count(key),
        lambda start, stop: [row(id_) for id_ in ids(key, start, stop)],
    )


def _links(request: ApiRequest, page: int, last: int) -> dict[str, Any] | None:
    if last == 1 and page == 1:
        shapes: dict[str, dict[str, Any] | None] = {"empty": {}, "pages": {"pages": {}}}
        return shapes.get(request.state.rules.single_page_links)
    pages: dict[str, str] = {}
    if page > 1:
        pages |= {"first": _url(request, 1), "prev": _url(request, min(page - 1, last))}
    if page < last:
        pages |= {"next": _url(request, page + 1), "last": _url(request, last)}
    return {"pages": pages}


def _url(request: ApiRequest, page: int) -> str:
    """Return the absolute URL of a page with only the parameters of the request (confirmed)."""
    others = {key: value for key, value in request.query.items() if key != "page"}
    return f"{request.base_url}{request.path}?{urlencode({'page': page, **others})}"


def _positive(text: str | None, default: int) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        return default
    return int(text) or default
