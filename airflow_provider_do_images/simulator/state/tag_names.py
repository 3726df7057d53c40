"""The tag names of an account. A tag has one spelling; lookups ignore case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet


class TagNames(MutableSet[str]):
    """A case-insensitive set of names that keeps the first spelling of each."""

    def __init__(self) -> None:
        self._canonical: dict[str, str] = {}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._canonical

    def __iter__(self) -> Iterator[str]:
        return iter(self._canonical.values())

    def __len__(self) -> int:
        return len(self._canonical)

    def add(self, value: str) -> None:
        """Add a name, unless it exists in another spelling."""
        self._canonical.setdefault(value.lower(), value)

    def discard(self, value: str) -> None:
        """Remove a name in any spelling."""
        self._canonical.pop(value.lower(), None)

    def canonical(self, name: str) -> str:
        """Return the canonical spelling of a name; an unknown name is returned unchanged."""
        return self._canonical.get(name.lower(), name)

    def register(self, names: Iterable[str]) -> list[str]:
        """Add the names; return their canonical spellings without duplicates."""
        names = list(names)
        for name in names:
            self.add(name)
        return list(dict.fromkeys(map(self.canonical, names)))
