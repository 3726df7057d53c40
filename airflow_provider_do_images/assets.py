"""The URI of a copy, as an Airflow asset: ``digitalocean://images/3038067722/ams3``."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult

from airflow_provider_do_images.core.results import ActionResult

SCHEME = "digitalocean"

_PATH = re.compile(r"/[1-9][0-9]*/[a-z]{2,}[0-9]+")


def copy_uri(image_id: int, region: str) -> str:
    """Return the URI of the copy of an image in a region."""
    return f"{SCHEME}://images/{image_id}/{region}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check a URI of this scheme, and return it. Airflow calls this for each such asset.

    :raises ValueError: if it is not the URI of a copy.
    """
    if uri.netloc != "images" or not _PATH.fullmatch(uri.path) or uri.query:
        raise ValueError(
            f"an asset of this scheme must look like {copy_uri(3038067722, 'ams3')}; "
            f"got {uri.geturl()}"
        )
    return uri


def copy_extra(row: ActionResult) -> dict[str, Any]:
    """Return the extra of the asset event of a copy; ``seconds`` is the duration of its action."""
    action = row.action
    seconds = None
    if action and action.started_at and action.completed_at:
        seconds = (action.completed_at - action.started_at).total_seconds()
    return {
        "image_id": row.image_id,
        "region": row.region,
        "action_id": action.id if action else None,
        "seconds": seconds,
        "droplet_id": row.droplet_id,
        "droplet_name": row.droplet_name,
        "submission": row.submission and row.submission.value,
    }
