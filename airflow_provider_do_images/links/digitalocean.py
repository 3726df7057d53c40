"""Links from a task to its image or droplet in DigitalOcean's control panel.

DigitalOcean does not document the URLs of its control panel, so they are assumptions. The page of a
droplet is ``/droplets/<id>``. An image has no page: the link opens the list of snapshots at
``/images/snapshots/droplets``. The fragment after ``#`` is the image id, for the reader of the URL.
Backups and custom images are on neighbouring pages. An account with several teams opens the last
used team.

Airflow reads the links in the worker at the end of each run of a task, also when it defers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink

CONTROL_PANEL = "https://cloud.digitalocean.com"


class ImageLink(BaseOperatorLink):
    """Link a task to the list of snapshots that contains its image."""

    name = "Image at DigitalOcean"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the URL, or an empty string if the task has no image."""
        image_id = _id_of(operator, "image_id")
        return f"{CONTROL_PANEL}/images/snapshots/droplets#{image_id}" if image_id else ""


class DropletLink(BaseOperatorLink):
    """Link a task to the source droplet of its image or restore points."""

    name = "Droplet at DigitalOcean"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the URL, or an empty string if the task has no droplet id."""
        droplet_id = _id_of(operator, "droplet_id")
        return f"{CONTROL_PANEL}/droplets/{droplet_id}" if droplet_id else ""


LINKS = (ImageLink(), DropletLink())


def _id_of(operator: BaseOperator, key: str) -> str:
    """Return the id from a row or a parameter of the task, or an empty string.

    The fields are already rendered. An invalid id has no link; the task itself reports the error.
    """
    rows = (getattr(operator, name, None) for name in ("action", "restore_point", "image"))
    ids = [row.get(key) for row in rows if isinstance(row, Mapping)]
    text = str(next(iter(ids), getattr(operator, key, ""))).strip()
    return text if text.isascii() and text.isdigit() else ""
