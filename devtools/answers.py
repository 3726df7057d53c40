"""Hypothesis strategies for HTTP responses, valid and invalid."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from devtools.answer_server import http_answer

NUMBERS = st.sampled_from([0, -1, 1, 2, 2**31, 2**63 - 1, 2**63, 10**20, 10**400]) | st.integers()
FLOATS = st.floats() | st.sampled_from([1e999, -1e999, 1e308])
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "\0", "\ud800", "[bold]", "\x1b[2J", "a\nb", "9" * 400, "x" * 3000, "ams3", "transfer"]
)
TIMES = st.sampled_from(
    ["2026-02-11T08:15:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "soon", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | FLOATS | TEXTS | TIMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STATUSES = st.sampled_from(["in-progress", "completed", "errored", "queued"])


def _row(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields) | JSON


IDS = st.sampled_from([1, 2, 3]) | JSON
REGIONS = st.sampled_from(["nyc3", "ams3"]) | _row(slug=TEXTS | JSON, available=JSON)
ROWS = st.one_of(
    _row(id=IDS, status=STATUSES | JSON, type=TEXTS | JSON, region=REGIONS, region_slug=REGIONS,
         started_at=TIMES | JSON, completed_at=TIMES | JSON, resource_id=IDS, resource_type=TEXTS),
    _row(id=IDS, name=TEXTS | JSON, type=st.sampled_from(["backup", "snapshot"]) | JSON,
         regions=st.lists(REGIONS, max_size=3) | JSON, created_at=TIMES | JSON,
         size_gigabytes=FLOATS | JSON, min_disk_size=NUMBERS | JSON, tags=JSON, status=TEXTS),
    _row(uuid=TEXTS, name=TEXTS, slug=TEXTS, team=JSON, backup_ids=st.lists(IDS, max_size=3)),
)  # fmt: skip
LISTS = st.lists(ROWS, max_size=4) | JSON
ONE = ("action", "image", "droplet", "tag", "account")
MANY = ("actions", "images", "droplets", "backups", "snapshots", "tags", "regions")
BODIES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(ONE, ROWS),
        **dict.fromkeys(MANY, LISTS),
        "meta": st.fixed_dictionaries({"total": st.integers(-1, 9) | JSON}) | JSON,
        "links": st.sampled_from([{}, {"pages": {"next": "https://example.com/?page=2"}}]) | JSON,
        "message": JSON,
        "id": JSON,
        "request_id": JSON,
    },
)
HEADER_TEXTS = st.sampled_from(
    [
        "0",
        "1",
        "5000",
        "-1",
        "inf",
        "nan",
        "1e999",
        "9" * 400,
        "",
        "x" * 9000,
        "\xe9",
        "Wed, 21 Oct",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
         "x-request-id", "content-type", "set-cookie", "location", "link", "date"]
    ),
    HEADER_TEXTS,
    max_size=4,
)  # fmt: skip
HTTP_STATUSES = st.sampled_from([200, 200, 200, 201, 202]) | st.sampled_from(
    [101, 102, 204, 301, 302, 304, 400, 401, 403, 404, 408, 409, 422, 425, 429, 499, 500, 503, 999]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a response.

    :param status: its HTTP status; 0 if it has none.
    """

    status: int
    content: bytes


def _encode(body: Any, encoding: str) -> bytes:
    text = json.dumps(body)
    if encoding == "raw surrogates":
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if encoding == "deep":
        return b'{"actions":' * 3000 + text.encode()
    if encoding == "cut":
        return text.encode()[: len(text) // 2]
    return text.encode(encoding)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Draw a complete response: mostly similar to the API's, sometimes malformed."""
    status, headers = draw(HTTP_STATUSES), draw(HEADERS)
    encodings = ["utf-8", "utf-8", "utf-8", "utf-16", "raw surrogates", "deep", "cut"]
    content = _encode(draw(BODIES | JSON), draw(st.sampled_from(encodings)))
    kind = draw(st.sampled_from(["whole"] * 8 + ["gzip", "no gzip", "short", "chunks", "bytes"]))
    if kind == "gzip":
        return Answer(status, http_answer(gzip.compress(content), status, _gzip(headers)))
    if kind == "no gzip":
        return Answer(status, http_answer(content, status, _gzip(headers)))
    if kind == "short":
        longer = {**headers, "content-length": str(len(content) + 9)}
        return Answer(status, http_answer(content, status, longer))
    if kind == "chunks":
        size = draw(st.sampled_from(["zz", "-5", "fffffffffffffffffff", ""]))
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return Answer(200, head + size.encode() + b"\r\n" + content)
    if kind == "bytes":
        return Answer(0, draw(st.binary(max_size=60)))
    return Answer(status, http_answer(content, status, headers))


def _gzip(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "content-encoding": "gzip"}
