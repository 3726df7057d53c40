"""The journal: every request to the simulator and the status of its response."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from threading import Lock
from typing import Any

MAX_ENTRIES = 200_000
FINGERPRINT_LENGTH = 12


@dataclass(slots=True)
class JournalEntry:
    """One request.

    :param time: virtual Unix seconds of its arrival.
    :param path: without query and trailing slash.
    :param endpoint: the path pattern, such as ``/v2/images/{image_id}``.
    :param body: the parsed JSON, or text if it is not JSON; None: no body.
    :param status: the HTTP status of the response; None: no response yet, or none at all.
    :param token_fingerprint: identifies a token without revealing it; None: no token.
    :param fault: the names of the faults that were applied.
    """

    time: float
    method: str
    path: str
    endpoint: str = ""
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    status: int | None = None
    token_fingerprint: str | None = None
    fault: str | None = None


class Journal:
    """The last 200,000 requests in order of arrival."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque(maxlen=MAX_ENTRIES)
        self._lock = Lock()

    @property
    def entries(self) -> list[JournalEntry]:
        """A copy of the entries, oldest first."""
        with self._lock:
            return list(self._entries)

    def add(self, entry: JournalEntry) -> None:
        """Add a request. Its status can be set later."""
        with self._lock:
            self._entries.append(entry)

    def count(
        self, method: str | None = None, path: str | None = None, status: int | None = None
    ) -> int:
        """Return the number of requests with this method, path and status.

        :param path: can have wildcards, such as ``/v2/images/*/actions``; ``*`` matches slashes.
        """
        return sum(
            (method is None or entry.method == method)
            and (path is None or fnmatchcase(entry.path, path))
            and (status is None or entry.status == status)
            for entry in self.entries
        )

    def counts(self) -> dict[str, int]:
        """Return the number of requests by endpoint, such as ``GET /v2/images``."""
        return dict(Counter(f"{entry.method} {entry.endpoint}" for entry in self.entries))

    def clear(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._entries.clear()


def fingerprint(token: str) -> str:
    """Return a short digest of a token."""
    return sha256(token.encode()).hexdigest()[:FINGERPRINT_LENGTH]
