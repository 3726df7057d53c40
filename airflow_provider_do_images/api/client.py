"""The client: a verb for each endpoint.

Paths, parameters and scopes are those of DigitalOcean's API reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_do_images.api import transport
from airflow_provider_do_images.api.errors import InvalidResponseError
from airflow_provider_do_images.api.inputs import check_id, check_region
from airflow_provider_do_images.api.models import Droplet, Image, ImageAction, Json, Region
from airflow_provider_do_images.api.retry import ONCE, RetryPolicy
from airflow_provider_do_images.api.session import ApiSession, Page


class ApiClient(ApiSession):
    """A client for one token; its parameters are those of its session."""

    # Image actions

    def convert_image(self, image_id: int) -> ImageAction:
        """Make a snapshot of a backup. Scope ``image:update``.

        The answer may already be completed, and its type is ``convert_to_snapshot``.
        """
        return self._post_action(image_id, {"type": "convert"})

    def transfer_image(self, image_id: int, region: str) -> ImageAction:
        """Copy a snapshot or custom image to another region. Scope ``image:update``.

        A backup cannot be transferred; convert it first.
        """
        return self._post_action(image_id, {"type": "transfer", "region": check_region(region)})

    def get_image_action(
        self, image_id: int, action_id: int, *, retry: RetryPolicy | None = None
    ) -> ImageAction:
        """Read one action of an image. Scope ``image:read``.

        :param retry: instead of the client's own rules, for one request.
        """
        image_id, action_id = check_id("image_id", image_id), check_id("action_id", action_id)
        with transport.error_context(image_id=image_id, action_id=action_id):
            body = self.send(
                "GET", f"/v2/images/{image_id}/actions/{action_id}", "image:read", retry=retry
            )
            action = ImageAction.from_json(body.get("action"), image_id)
            if action.id != action_id:
                raise InvalidResponseError(f"asked for action {action_id}, got {action.id}")
            return action

    def list_image_actions(self, image_id: int) -> Iterator[ImageAction]:
        """Read the history of an image page by page, newest first. Scope ``image:read``."""
        image_id = check_id("image_id", image_id)

        def read(row: Any) -> ImageAction:
            return ImageAction.from_json(row, image_id)

        with transport.error_context(image_id=image_id):
            yield from self.rows(f"/v2/images/{image_id}/actions", "actions", "image:read", read)

    def newest_image_actions(self, image_id: int) -> Page[ImageAction]:
        """Read the newest 200 actions of an image, once. Scope ``image:read``."""
        image_id = check_id("image_id", image_id)

        def read(row: Any) -> ImageAction:
            return ImageAction.from_json(row, image_id)

        with transport.error_context(image_id=image_id):
            path = f"/v2/images/{image_id}/actions"
            return self.page(path, "actions", "image:read", read, number=1, retry=ONCE)

    def list_actions(self) -> Iterator[ImageAction]:
        """Read the actions on all the account's things, newest first. Scope ``actions:read``."""
        return self.rows("/v2/actions", "actions", "actions:read", ImageAction.from_json)

    def actions_page(self, number: int) -> Page[ImageAction]:
        """Read one page of :meth:`list_actions`, from 1, once."""
        read = ImageAction.from_json
        return self.page("/v2/actions", "actions", "actions:read", read, number=number, retry=ONCE)

    # Images, droplets, regions

    def get_image(self, image_id: int, *, retry: RetryPolicy | None = None) -> Image:
        """Read one image. Scope ``image:read``.

        :param retry: instead of the client's own rules, for one request.
        """
        image_id = check_id("image_id", image_id)
        with transport.error_context(image_id=image_id):
            body = self.send("GET", f"/v2/images/{image_id}", "image:read", retry=retry)
            return Image.from_json(body.get("image"))

    def list_images(self, *, private: bool = True, tag: str | None = None) -> Iterator[Image]:
        """Read images, oldest first: the own ones, backups included, or all. Scope ``image:read``.

        :param tag: only images with this tag. Needs scope ``tag:read`` too.
        """
        params = {"private": "true"} if private else {}
        if tag:
            params["tag_name"] = tag
        return self.rows("/v2/images", "images", "image:read", Image.from_json, params)

    def private_images_page(self, number: int) -> Page[Image]:
        """Read one page of :meth:`list_images`, from 1, once."""
        read, params = Image.from_json, {"private": "true"}
        return self.page(
            "/v2/images", "images", "image:read", read, number=number, params=params, retry=ONCE
        )

    def count_private_images(self, *, retry: RetryPolicy | None = None) -> int:
        """Return how many images of its own the token can see. Scope ``image:read``."""
        params = {"private": "true", "per_page": "1"}
        body = self.send("GET", "/v2/images", "image:read", params=params, retry=retry)
        total = (body.get("meta") or {}).get("total")
        if not isinstance(total, int):
            raise InvalidResponseError("the list of images has no total")
        return total

    def list_droplets(
        self, *, name: str | None = None, tag: str | None = None
    ) -> Iterator[Droplet]:
        """Read droplets by exact name or by tag, or all. GPU droplets are not among them.

        Scope ``droplet:read``; a tag needs ``tag:read``, ``backup_ids`` need ``image:read``.
        """
        params = {key: value for key, value in (("name", name), ("tag_name", tag)) if value}
        return self.rows("/v2/droplets", "droplets", "droplet:read", Droplet.from_json, params)

    def list_droplet_backups(self, droplet_id: int) -> Iterator[Image]:
        """Read a droplet's backups, in no promised order. Scope ``droplet:read``."""
        return self._droplet_images(droplet_id, "backups")

    def list_droplet_snapshots(self, droplet_id: int) -> Iterator[Image]:
        """Read a droplet's snapshots, converted backups included. Scope ``droplet:read``."""
        return self._droplet_images(droplet_id, "snapshots")

    def list_regions(self) -> Iterator[Region]:
        """Read the regions that this account sees. Scope ``regions:read``."""
        return self.rows("/v2/regions", "regions", "regions:read", Region.from_json)

    def _post_action(self, image_id: int, body: Json) -> ImageAction:
        image_id = check_id("image_id", image_id)
        with transport.error_context(image_id=image_id, region=body.get("region")):
            answer = self.send("POST", f"/v2/images/{image_id}/actions", "image:update", json=body)
            return ImageAction.from_json(answer.get("action"), image_id)

    def _droplet_images(self, droplet_id: int, kind: str) -> Iterator[Image]:
        path = f"/v2/droplets/{check_id('droplet_id', droplet_id)}/{kind}"
        return self.rows(path, kind, "droplet:read", Image.from_json)
