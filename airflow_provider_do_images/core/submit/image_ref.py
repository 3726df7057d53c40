"""A reference to an image and to the droplet that it was made of."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_do_images.core.messages import droplet_text, image_text


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image by its id, with its droplet if known."""

    image_id: int
    droplet_id: int | None = None
    droplet_name: str | None = None

    @property
    def droplet(self) -> str:
        """The droplet as text, such as ``droplet web-1 (42)``; empty if unknown."""
        return droplet_text(self.droplet_name, self.droplet_id)

    def __str__(self) -> str:
        return image_text(self.image_id, self.droplet_name, self.droplet_id)
