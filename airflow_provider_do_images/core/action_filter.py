"""A filter for the action history of an image. Pure."""

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
    """Filter actions by their fields; ``None`` matches everything.

    :param type: ``convert`` also matches ``convert_to_snapshot``, the type in API responses.
    :param region: slug of the region.
    :param since: the earliest start time.
    :param limit: the maximum number of actions, the newest first.
    """

    status: ActionStatus | None = None
    type: str | None = None
    region: str | None = None
    since: datetime | None = None
    limit: int | None = None

    @classmethod
    def checked(cls, status: Any, type_: Any, region: Any, since: Any, limit: Any) -> Self:
        """Build a filter from unchecked parameters; an empty string is the same as ``None``.

        :raises InvalidInputError: with the name of the parameter.
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
        matching = sorted(
            (action for action in actions if self._matches(action)),
            key=lambda action: (action.started_at or _EPOCH, action.id),
            reverse=True,
        )
        return matching[: self.limit]

    def _matches(self, action: ImageAction) -> bool:
        return (
            self.status in (None, action.status)
            and (self.type is None or is_type(action, self.type))
            and self.region in (None, action.region_slug)
            and (self.since is None or (action.started_at or _EPOCH) >= self.since)
        )


def is_type(action: ImageAction, requested: str) -> bool:
    """Return whether an action has the requested type, as written in requests or responses."""
    return is_same_type(action.type, requested)


def is_same_type(name: str, requested: str) -> bool:
    """Return whether a type in an API response is the requested type."""
    return name == requested or (requested == "convert" and name == "convert_to_snapshot")


def _status(value: Any) -> ActionStatus:
    return ActionStatus(check_choice("status", value, [status.value for status in ActionStatus]))
