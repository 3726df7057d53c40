"""Which bearer tokens are valid, and what they may do.

Scopes by call follow the ``security`` entries of DigitalOcean's OpenAPI specification (confirmed).
"""

from __future__ import annotations

from collections.abc import Iterable

READ = ":read"


class Scopes:
    """The scopes of one token; None stands for all of them.

    ``api:read`` and ``api:write`` are the documented aliases for all reads and for everything.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._names = None if names is None else frozenset(names)

    def allow(self, *needed: str) -> bool:
        """Tell whether all of these scopes are there."""
        if self._names is None or "api:write" in self._names:
            return True
        reads = "api:read" in self._names
        return all(name in self._names or (reads and name.endswith(READ)) for name in needed)


ALL_SCOPES = Scopes()


class Tokens:
    """The valid tokens. As long as none was named, any token is valid and may do everything."""

    def __init__(self) -> None:
        self._named: dict[str, Scopes] | None = None
        self._revoked: set[str] = set()

    def allow(self, token: str, scopes: Iterable[str] | None = None) -> None:
        """Make a token valid, also one that was revoked; from now on only named ones are.

        :param scopes: what it may do, such as ``{"image:read"}``; None: everything.
        """
        self._named = {**(self._named or {}), token: Scopes(scopes)}
        self._revoked.discard(token)

    def revoke(self, token: str) -> None:
        """Make a token invalid. Others stay as they are."""
        self._revoked.add(token)

    def scopes_of(self, token: str) -> Scopes | None:
        """Return what a token may do; None for one that is not valid."""
        if token in self._revoked:
            return None
        return ALL_SCOPES if self._named is None else self._named.get(token)
