"""Every request the simulator was asked, and what it answered."""

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

    :param time: virtual Unix seconds at which it came.
    :param path: without query and trailing slash.
    :param endpoint: the path's pattern, such as ``/v2/images/{image_id}``.
    :param body: the parsed JSON body, or the text if it was none; None without body.
    :param status: the HTTP status sent; None while there is no answer, and if none was sent.
    :param token_fingerprint: tells tokens apart without telling them; None without token.
    :param fault: the name of the fault that spoiled it, if one did.
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
    """The newest 200,000 requests, in the order in which they came."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque(maxlen=MAX_ENTRIES)
        self._lock = Lock()

    @property
    def entries(self) -> list[JournalEntry]:
        """A copy of the list of entries, oldest first."""
        with self._lock:
            return list(self._entries)

    def add(self, entry: JournalEntry) -> None:
        """Note a request; its status may be filled in later."""
        with self._lock:
            self._entries.append(entry)

    def count(
        self, method: str | None = None, path: str | None = None, status: int | None = None
    ) -> int:
        """Return how many requests there were with this method, path and status.

        :param path: may have wildcards, such as ``/v2/images/*/actions``; ``*`` matches slashes.
        """
        return sum(
            (method is None or entry.method == method)
            and (path is None or fnmatchcase(entry.path, path))
            and (status is None or entry.status == status)
            for entry in self.entries
        )

    def counts(self) -> dict[str, int]:
        """Return how many requests each endpoint had, by names like ``GET /v2/images``."""
        return dict(Counter(f"{entry.method} {entry.endpoint}" for entry in self.entries))

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._entries.clear()


def fingerprint(token: str) -> str:
    """Return a short digest of a token, from which it can not be found again."""
    return sha256(token.encode()).hexdigest()[:FINGERPRINT_LENGTH]
