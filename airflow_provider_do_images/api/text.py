"""Values and text of others are data: how they are written into a message, a log or a terminal."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

_WIDTH = 80
"""Characters of a value that a message shows at most."""


class _Repr(Repr):
    """Writes no more of a large value than a message can show."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxstring = self.maxlong = self.maxother = _WIDTH

    def repr_instance(self, x: Any, level: int) -> str:
        return repr(x)  # that of the base class hides a failure behind an address


def shorten(value: Any) -> str:
    """Return a value as Python writes it, in 80 characters at most."""
    try:
        text = _Repr().repr(value)
    except Exception:  # noqa: BLE001 - a message about a bad value must not fail on it
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def printable(text: str) -> str:
    """Return text with every character that is not printable escaped, as ``repr`` does.

    That is line breaks, control characters (a terminal's escape sequences begin with one) and
    marks that reverse the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
