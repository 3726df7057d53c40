"""Choosing rows of an image's history. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.api.validation import (
    check_choice,
    check_count,
    check_region,
    check_text,
    check_time,
    is_given,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """What a row must be; ``None`` lets everything through.

    :param type: ``convert`` also stands for ``convert_to_snapshot``, the API's name of the result.
    :param region: slug of the region.
    :param since: the earliest start.
    :param limit: how many rows at most, the newest first.
    """

    status: ActionStatus | None = None
    type: str | None = None
    region: str | None = None
    since: datetime | None = None
    limit: int | None = None

    @classmethod
    def checked(cls, status: Any, type_: Any, region: Any, since: Any, limit: Any) -> Self:
        """Build from what a user gave; an empty text counts as not given.

        :raises InvalidInputError: naming the parameter.
        """
        return cls(
            status=_status(status) if is_given(status) else None,
            type=check_text("type", type_) if is_given(type_) else None,
            region=check_region(region) if is_given(region) else None,
            since=check_time("since", since) if is_given(since) else None,
            limit=check_count("limit", limit, least=1) if is_given(limit) else None,
        )

    def apply(self, actions: Iterable[ImageAction]) -> list[ImageAction]:
        """Return the matching actions, newest first."""
        rows = sorted(
            (action for action in actions if self._matches(action)),
            key=lambda action: (action.started_at or _EPOCH, action.id),
            reverse=True,
        )
        return rows[: self.limit]

    def _matches(self, action: ImageAction) -> bool:
        return (
            self.status in (None, action.status)
            and (self.type is None or is_type(action, self.type))
            and self.region in (None, action.region_slug)
            and (self.since is None or (action.started_at or _EPOCH) >= self.since)
        )


def is_type(action: ImageAction, wanted: str) -> bool:
    """Whether an action is what was asked for, by the name used in the request or the API's own."""
    return is_name_of(action.type, wanted)


def is_name_of(name: str, wanted: str) -> bool:
    """Whether a type's name is that of what was asked for."""
    return name == wanted or (wanted == "convert" and name == "convert_to_snapshot")


def _status(value: Any) -> ActionStatus:
    return ActionStatus(check_choice("status", value, [status.value for status in ActionStatus]))
