"""Links from a task to what it works on, in DigitalOcean's control panel.

DigitalOcean documents no addresses of its control panel. A droplet's page is where its own
"Droplets" list leads, and what other tools link to: ``/droplets/<id>``. An image has no page: the
panel shows snapshots as rows of the list "Backups & Snapshots" at ``/images/snapshots/droplets``,
so the link leads there. Behind the ``#``, which no browser sends, it names the image for the reader
of the address alone. Backups and custom images are lists next to that one. That the addresses stay
is assumed; an account with several teams shows the one that was looked at last.

Airflow asks for the links at the end of each run of a task in a worker, so also when it defers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink

CONTROL_PANEL = "https://cloud.digitalocean.com"


class ImageLink(BaseOperatorLink):
    """From a task to its image, or rather to the list that has it."""

    name = "Image at DigitalOcean"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the address, or an empty text if the task has no image."""
        image_id = _id_of(operator, "image_id")
        return f"{CONTROL_PANEL}/images/snapshots/droplets#{image_id}" if image_id else ""


class DropletLink(BaseOperatorLink):
    """From a task to the droplet that its image was made of, or whose backups it looks for."""

    name = "Droplet at DigitalOcean"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the address, or an empty text if the task was not told of a droplet."""
        droplet_id = _id_of(operator, "droplet_id")
        return f"{CONTROL_PANEL}/droplets/{droplet_id}" if droplet_id else ""


LINKS = (ImageLink(), DropletLink())


def _id_of(operator: BaseOperator, key: str) -> str:
    """Return the id that the task was given, alone or in a row of another task, or an empty text.

    Its fields are rendered by then. What is no id leads nowhere; the task itself complains of it.
    """
    rows = (getattr(operator, name, None) for name in ("action", "restore_point", "image"))
    found = [row.get(key) for row in rows if isinstance(row, Mapping)]
    text = str(next(iter(found), getattr(operator, key, ""))).strip()
    return text if text.isascii() and text.isdigit() else ""
