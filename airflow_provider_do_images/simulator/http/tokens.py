"""Bearer tokens and their scopes.

The scopes of each endpoint follow ``security`` in DigitalOcean's OpenAPI specification (confirmed).
"""

from __future__ import annotations

from collections.abc import Iterable

READ = ":read"


class Scopes:
    """The scopes of one token. None stands for all scopes.

    ``api:read`` and ``api:write`` are the documented aliases for all read scopes and all scopes.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._names = None if names is None else frozenset(names)

    def allow(self, *needed: str) -> bool:
        """Return whether the token has all of these scopes."""
        if self._names is None or "api:write" in self._names:
            return True
        reads = "api:read" in self._names
        return all(name in self._names or (reads and name.endswith(READ)) for name in needed)


ALL_SCOPES = Scopes()


class Tokens:
    """The valid tokens. Until one is added, any token is valid and has all scopes."""

    def __init__(self) -> None:
        self._named: dict[str, Scopes] | None = None
        self._revoked: set[str] = set()

    def allow(self, token: str, scopes: Iterable[str] | None = None) -> None:
        """Add a valid token, also a revoked one. From then on only added tokens are valid.

        :param scopes: such as ``{"image:read"}``; None: all scopes.
        """
        self._named = {**(self._named or {}), token: Scopes(scopes)}
        self._revoked.discard(token)

    def revoke(self, token: str) -> None:
        """Make a token invalid."""
        self._revoked.add(token)

    def scopes_of(self, token: str | None) -> Scopes | None:
        """Return the scopes of a token, or None if it is invalid."""
        if token is None or token in self._revoked:
            return None
        return ALL_SCOPES if self._named is None else self._named.get(token)
