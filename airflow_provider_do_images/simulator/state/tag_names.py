"""The names of an account's tags: one spelling for each, whatever case a client writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet


class TagNames(MutableSet[str]):
    """A set of names that ignores case and keeps the first, canonical spelling of each."""

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
        """Remove a name, however it is spelled."""
        self._canonical.pop(value.lower(), None)

    def canonical(self, name: str) -> str:
        """Return the canonical spelling of a name, or the name itself if there is no such tag."""
        return self._canonical.get(name.lower(), name)

    def register(self, names: Iterable[str]) -> list[str]:
        """Add the names and return them as the account spells them, each once."""
        spelled = []
        for name in names:
            self.add(name)
            spelled.append(self.canonical(name))
        return list(dict.fromkeys(spelled))
