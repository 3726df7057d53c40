"""Taking a row from another task, with the right line for what people get wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.text import shorten


@dataclass(frozen=True, slots=True)
class UpstreamRow:
    """A parameter that takes a whole row of another task.

    :param name: the parameter.
    :param operator: name of the class that it belongs to.
    :param made_by: what makes such rows, for the message.
    :param keys: what a row must have at least.
    :param one: how a single row is handed on, such as ``action=transfer.output``.
    :param many: how one of several is, inside ``.expand()``.
    """

    name: str
    operator: str
    made_by: str
    keys: tuple[str, ...]
    one: str
    many: str

    def row(self, value: Any) -> Mapping[str, Any]:
        """Return the row.

        :raises InvalidInputError: with the line that would be right.
        """
        if isinstance(value, Mapping):
            if all(key in value for key in self.keys):
                return value
            raise InvalidInputError(
                f"{self.name} must be the result of {self.made_by}, whole ({self.one}); got one "
                f"with the keys {shorten(sorted(map(str, value)))}"
            )
        if isinstance(value, str):
            raise InvalidInputError(
                f"{self.name} is text, as a Jinja template makes it; hand the result over whole: "
                f"{self.one}, or for each of several .expand({self.many})"
            )
        if isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str):  # noqa: PLR2004 - a key and its value
            raise InvalidInputError(
                f"{self.name} is one key of a single result, because .expand() took it apart; "
                f"write {self.operator}(task_id=..., {self.one}) without .expand()"
            )
        if isinstance(value, Sequence):
            raise InvalidInputError(
                f"{self.name} is not one result but several; write "
                f"{self.operator}.partial(task_id=...).expand({self.many})"
            )
        raise InvalidInputError(
            f"{self.name} must be a whole row ({self.one}), not only an id; got {shorten(value)}"
        )
