"""The one shape of what operators and sensors return. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_do_images.api import DigitalOceanError, ImageAction
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What became of one action on an image, or of the wish for one.

    :param region: slug of the region that the image was to be copied to; ``None`` for a convert.
    :param outcome: how the action was come by: ``submitted``, ``attached``,
        ``reconciled``, ``already_exists`` or ``refused``; ``None`` if that is not known.
    :param end: how the wait for it ended, such as ``completed``; ``None`` if it was not waited for.
    :param error: what failed, in words.
    :param action: the action as last seen, if there is one.
    """

    image_id: int
    droplet_id: int | None = None
    droplet_name: str | None = None
    region: str | None = None
    outcome: str | None = None
    end: str | None = None
    error: str | None = None
    action: ImageAction | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the action's nine fields as the API names them, and what is known besides.

        All keys are there in every case; where there is no action its fields are null, but for
        ``region_slug``.
        """
        fields = self.action.to_json() if self.action else dict.fromkeys(ImageAction.FIELDS)
        return {
            **fields,
            "region_slug": fields["region_slug"] or self.region,
            "image_id": self.image_id,
            "droplet_id": self.droplet_id,
            "droplet_name": self.droplet_name,
            "outcome": self.outcome,
            "end": self.end,
            "error": self.error,
        }

    @classmethod
    def from_json(cls, row: Any) -> ActionResult:
        """Read what :meth:`to_json` wrote.

        :raises ValueError: for anything else.
        """
        try:
            action = ImageAction.from_json(row) if row["id"] is not None else None
            result = cls(
                check_id("image_id", row["image_id"]),
                droplet_id=row["droplet_id"],
                droplet_name=row["droplet_name"],
                region=row["region_slug"],
                outcome=row["outcome"],
                end=row["end"],
                error=row["error"],
                action=action,
            )
        except (KeyError, TypeError, DigitalOceanError) as problem:
            raise ValueError(f"not the row of a result: {shorten(row)}") from problem
        if result.to_json() != row:
            raise ValueError(f"not the row of a result: {shorten(row)}")
        return result
