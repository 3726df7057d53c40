"""Text from the API is data: how it is written into a line of a log or a terminal."""

from __future__ import annotations


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
