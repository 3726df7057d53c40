"""The last good copy of an image, for the messages of failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.core.messages import describe_last_good_copy
from airflow_provider_do_images.core.snapshots.naming import SnapshotName


def image_to_json(image: Image) -> dict[str, Any]:
    """Return what :func:`describe_source` needs of an image, for ``Image.from_json``."""
    return {
        "id": image.id,
        "name": image.name,
        "regions": list(image.regions),
        "created_at": format_time(image.created_at),
        "status": image.status,
    }


def describe_source(
    what: str, source: Image | None, now: float, copied_to: Sequence[str] = ()
) -> str:
    """Name all regions that have the image, and the age of its data.

    :param what: the image as text.
    :param source: the image as last read; without it the result is empty.
    :param now: the time, in Unix seconds.
    :param copied_to: regions that received a copy since.
    """
    if source is None or source.status not in (None, "available"):
        return ""
    name = SnapshotName.parse(source.name)
    since = name.taken_at if name else source.created_at
    if since is None:
        return ""
    regions = ", ".join(dict.fromkeys([*source.regions, *copied_to]))
    return describe_last_good_copy(f"{what}, in {regions}, of", since, now)
