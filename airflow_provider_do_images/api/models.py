"""The API's objects as frozen, typed values, and the one place that knows their JSON keys.

Reading is tolerant where the API is loose and strict where a guess would lie: an action without an
id or with an unknown status is an :class:`~.errors.InvalidResponseError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from airflow_provider_do_images.api.errors import InvalidResponseError, UnknownStatusError
from airflow_provider_do_images.api.fields import (
    Json,
    count_or_none,
    id_or_none,
    ids_of,
    number_or_none,
    object_of,
    required_id,
    text_or_none,
    texts_of,
    time_or_none,
)
from airflow_provider_do_images.api.text import shorten


class ActionStatus(StrEnum):
    """The three states of an action (DigitalOcean API, "Image Actions")."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    ERRORED = "errored"


@dataclass(frozen=True, slots=True)
class Region:
    """A region. ``available`` speaks of new droplets: images may be copied to a closed region."""

    slug: str
    name: str | None = None
    available: bool | None = None
    features: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Any) -> Region:
        """Build from the API's object, or from a bare slug as old responses have it.

        :raises InvalidResponseError: without a slug.
        """
        if isinstance(data, str) and data:
            return cls(slug=text_or_none(data) or "")
        row = object_of(data, "region")
        slug = text_or_none(row.get("slug"))
        if not slug:
            raise InvalidResponseError(f"a region without a slug: {shorten(data)}")
        return cls(
            slug=slug,
            name=text_or_none(row.get("name")),
            available=row.get("available") if isinstance(row.get("available"), bool) else None,
            features=texts_of(row.get("features")),
        )

    def to_json(self) -> Json:
        """Return the object as the API names it, without its long list of droplet sizes."""
        return {
            "name": self.name,
            "slug": self.slug,
            "features": list(self.features),
            "available": self.available,
        }


@dataclass(frozen=True, slots=True)
class Team:
    """The team that a token belongs to. Only its ``uuid`` is its own: names may be given twice."""

    uuid: str
    name: str | None = None

    @classmethod
    def from_json(cls, data: Any) -> Team:
        """Build from the API's object.

        :raises InvalidResponseError: without a uuid.
        """
        row = object_of(data, "team")
        uuid = text_or_none(row.get("uuid"))
        if not uuid:
            raise InvalidResponseError(f"a team without a uuid: {shorten(data)}")
        return cls(uuid=uuid, name=text_or_none(row.get("name")))

    def __str__(self) -> str:
        return f"{self.name!r} ({self.uuid})"


@dataclass(frozen=True, slots=True)
class ImageAction:
    """An action: something that DigitalOcean does, or did, to an image.

    The nine fields are the API's. ``type`` may differ from what was asked for: ``convert`` is
    answered with ``convert_to_snapshot``. ``region``, ``region_slug`` and ``resource_id`` may be
    ``None``, the first two for every convert. An action never says why it errored. ``image_id`` is
    the image it was asked for, since ``resource_id`` may be null. ``request_id`` is the API's id of
    the request that showed the action, if that is known; two actions are equal without it.
    """

    id: int
    status: ActionStatus
    type: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    resource_id: int | None = None
    resource_type: str | None = None
    region: Region | None = None
    region_slug: str | None = None
    image_id: int | None = None
    request_id: str | None = field(default=None, compare=False)

    FIELDS: ClassVar[tuple[str, ...]] = (
        "id",
        "resource_id",
        "resource_type",
        "region",
        "region_slug",
        "started_at",
        "completed_at",
        "status",
        "type",
    )
    """The API's nine fields."""

    @classmethod
    def from_json(cls, data: Any, image_id: int | None = None) -> ImageAction:
        """Build from the API's JSON.

        :param image_id: the image that was asked for; by default ``resource_id`` of an action on
            an image, or what an earlier :meth:`to_json` put there.
        :raises InvalidResponseError: without a usable id.
        :raises UnknownStatusError: for an unknown status.
        """
        row = object_of(data, "action")
        action_id = required_id(row, "action")
        resource_id = id_or_none(row.get("resource_id"))
        resource_type = text_or_none(row.get("resource_type"))
        if image_id is None:
            own = resource_id if resource_type == "image" else None
            image_id = id_or_none(row.get("image_id")) or own
        known_region = _region_or_none(row.get("region"))
        slug = text_or_none(row.get("region_slug")) or (known_region.slug if known_region else None)
        action_type = text_or_none(row.get("type")) or ""
        try:
            status = ActionStatus(text_or_none(row.get("status")) or "")
        except ValueError:
            raise UnknownStatusError(
                f"action {action_id} has the unknown status {shorten(row.get('status'))}"
            ).with_facts(
                image_id=image_id, action_id=action_id, region=slug, action_type=action_type
            ) from None
        return cls(
            id=action_id,
            status=status,
            type=action_type,
            started_at=time_or_none(row.get("started_at")),
            completed_at=time_or_none(row.get("completed_at")),
            resource_id=resource_id,
            resource_type=resource_type,
            region=known_region,
            region_slug=slug,
            image_id=image_id,
        )

    def to_json(self) -> Json:
        """Return the nine fields as the API names them, and ``image_id``; primitives only."""
        return {
            "id": self.id,
            "resource_id": self.resource_id,
            "resource_type": self.resource_type,
            "region": self.region.to_json() if self.region else None,
            "region_slug": self.region_slug,
            "started_at": format_time(self.started_at),
            "completed_at": format_time(self.completed_at),
            "status": self.status.value,
            "type": self.type,
            "image_id": self.image_id,
        }

    @property
    def finished(self) -> bool:
        """Whether the action has come to an end, good or bad."""
        return self.status is not ActionStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class Image:
    """An image: a backup, a snapshot, a custom image or one of DigitalOcean's own.

    ``size_gigabytes`` and ``min_disk_size`` are in GiB and ``None`` until an import is done.
    ``regions`` has no duplicates, although the API's list may.
    """

    id: int
    name: str
    type: str
    regions: tuple[str, ...] = ()
    created_at: datetime | None = None
    size_gigabytes: float | None = None
    min_disk_size: int | None = None
    status: str | None = None
    slug: str | None = None
    distribution: str | None = None
    public: bool = False
    tags: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Any) -> Image:
        """Build from the API's JSON, also from an item of a droplet's backups or snapshots.

        :raises InvalidResponseError: without a usable id.
        """
        row = object_of(data, "image")
        return cls(
            id=required_id(row, "image"),
            name=text_or_none(row.get("name")) or "",
            type=text_or_none(row.get("type")) or "",
            regions=tuple(dict.fromkeys(texts_of(row.get("regions")))),
            created_at=time_or_none(row.get("created_at")),
            size_gigabytes=number_or_none(row.get("size_gigabytes")),
            min_disk_size=count_or_none(row.get("min_disk_size")),
            status=text_or_none(row.get("status")),
            slug=text_or_none(row.get("slug")),
            distribution=text_or_none(row.get("distribution")),
            public=row.get("public") is True,
            tags=texts_of(row.get("tags")),
        )


@dataclass(frozen=True, slots=True)
class Droplet:
    """A droplet, as far as its backups are concerned. ``region`` is a slug."""

    id: int
    name: str
    region: str | None = None
    tags: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    backup_ids: tuple[int, ...] = field(default=())
    snapshot_ids: tuple[int, ...] = field(default=())

    @classmethod
    def from_json(cls, data: Any) -> Droplet:
        """Build from the API's JSON.

        :raises InvalidResponseError: without a usable id.
        """
        row = object_of(data, "droplet")
        region = _region_or_none(row.get("region"))
        return cls(
            id=required_id(row, "droplet"),
            name=text_or_none(row.get("name")) or "",
            region=region.slug if region else None,
            tags=texts_of(row.get("tags")),
            features=texts_of(row.get("features")),
            backup_ids=ids_of(row.get("backup_ids")),
            snapshot_ids=ids_of(row.get("snapshot_ids")),
        )


def format_time(moment: datetime | None) -> str | None:
    """Return a time as the API writes it, ``2026-11-23T20:15:00Z``, or ``None``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _region_or_none(value: Any) -> Region | None:
    """Read the region of another object, where null, a bare slug and an odd value all occur."""
    try:
        return Region.from_json(value)
    except InvalidResponseError:
        return None
