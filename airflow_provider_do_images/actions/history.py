"""Choosing rows of an image's history. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from airflow_provider_do_images.api import ActionStatus, ImageAction, InvalidInputError
from airflow_provider_do_images.api.inputs import check_id, check_region

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
            status=_status(status) if status else None,
            type=str(type_) if type_ else None,
            region=check_region(region) if region else None,
            since=_moment(since) if since else None,
            limit=check_id("limit", limit) if limit not in (None, "") else None,
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
    try:
        return ActionStatus(value)
    except ValueError:
        known = ", ".join(repr(status.value) for status in ActionStatus)
        raise InvalidInputError(f"status must be one of {known}; got {value!r}") from None


def _moment(value: Any) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidInputError(
            f"since must be a datetime or ISO 8601 text such as '2026-11-23T00:00:00Z'; "
            f"got {value!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
