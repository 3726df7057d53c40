"""Ids sorted by time under any number of keys, so that reading one page of a list is cheap."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator


class SortedIndex:
    """Lists of ids, one for each key, sorted by time and then by id.

    The cost of reading a page depends on the page size, not on the length of the list.
    """

    def __init__(self) -> None:
        self._rows: dict[Hashable, list[tuple[float, int]]] = {}

    def add(self, keys: Iterable[Hashable], moment: float, id_: int) -> None:
        """Add ``id_`` under each of ``keys``."""
        for key in keys:
            insort(self._rows.setdefault(key, []), (moment, id_))

    def remove(self, keys: Iterable[Hashable], moment: float, id_: int) -> None:
        """Undo an ``add`` with the same arguments."""
        row = (moment, id_)
        for key in keys:
            rows = self._rows[key]
            del rows[bisect_left(rows, row)]
            if not rows:
                del self._rows[key]

    def count(self, key: Hashable) -> int:
        """Return the number of ids under ``key``."""
        return len(self._rows.get(key, ()))

    def oldest_first(self, key: Hashable, start: int = 0, stop: int | None = None) -> list[int]:
        """Return the ids at positions ``start`` to ``stop - 1``, counted from the oldest."""
        return [id_ for _, id_ in self._rows.get(key, [])[start:stop]]

    def newest_first(self, key: Hashable, start: int = 0, stop: int | None = None) -> list[int]:
        """Return the ids at positions ``start`` to ``stop - 1``, counted from the newest."""
        rows = self._rows.get(key, [])
        total = len(rows)
        first = 0 if stop is None else max(total - stop, 0)
        return [id_ for _, id_ in reversed(rows[first : max(total - start, 0)])]

    def keys(self) -> Iterator[Hashable]:
        """Yield the keys that have ids."""
        yield from self._rows
