"""The client: a verb for each endpoint.

Paths, parameters and scopes are those of DigitalOcean's API reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from airflow_provider_do_images.api.errors import InvalidResponseError, error_context
from airflow_provider_do_images.api.fields import Json, text_or_none, total_or_none
from airflow_provider_do_images.api.http.list_session import ListSession
from airflow_provider_do_images.api.http.retry import NO_RETRY, RetryPolicy
from airflow_provider_do_images.api.models import Droplet, Image, ImageAction, Region
from airflow_provider_do_images.api.pagination import Page
from airflow_provider_do_images.api.validation import check_id, check_region, check_tag, has_tag


class ApiClient(ListSession):
    """A client for one token; its parameters are those of its session."""

    # Image actions

    def convert_image(self, image_id: int) -> ImageAction:
        """Make a snapshot of a backup. Scope ``image:update``.

        The response may already be completed, and its type is ``convert_to_snapshot``.
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
        with error_context(image_id=image_id, action_id=action_id):
            body = self.send(
                "GET", f"/v2/images/{image_id}/actions/{action_id}", "image:read", retry=retry
            )
            action = self._action(body.get("action"), image_id)
            if action.id != action_id:
                raise InvalidResponseError(
                    f"asked for action {action_id}, got {action.id}", request_id=self.request_id
                )
            return action

    def list_image_actions(
        self, image_id: int, unread: list[InvalidResponseError] | None = None
    ) -> Iterator[ImageAction]:
        """Read the history of an image page by page, newest first. Scope ``image:read``.

        :param unread: gets why rows could not be read, which are left out.
        """
        image_id = check_id("image_id", image_id)
        read = partial(self._action, image_id=image_id)
        with error_context(image_id=image_id):
            path = f"/v2/images/{image_id}/actions"
            yield from self.rows(path, "actions", "image:read", read, unread=unread)

    def newest_image_actions(
        self, image_id: int, *, retry: RetryPolicy | None = NO_RETRY
    ) -> Page[ImageAction]:
        """Read the newest 200 actions of an image. Scope ``image:read``.

        :param retry: ``None`` for the client's own rules.
        """
        image_id = check_id("image_id", image_id)
        read = partial(self._action, image_id=image_id)
        with error_context(image_id=image_id):
            path = f"/v2/images/{image_id}/actions"
            return self.page(path, "actions", "image:read", read, number=1, retry=retry)

    def list_actions(self) -> Iterator[ImageAction]:
        """Read the actions on all the account's things, newest first. Scope ``actions:read``."""
        return self.rows("/v2/actions", "actions", "actions:read", self._action)

    def actions_page(self, number: int) -> Page[ImageAction]:
        """Read one page of :meth:`list_actions`, from 1, once."""
        return self.page(
            "/v2/actions", "actions", "actions:read", self._action, number=number, retry=NO_RETRY
        )

    # Images, droplets, regions

    def get_image(self, image_id: int, *, retry: RetryPolicy | None = None) -> Image:
        """Read one image. Scope ``image:read``.

        :param retry: instead of the client's own rules, for one request.
        """
        image_id = check_id("image_id", image_id)
        with error_context(image_id=image_id):
            body = self.send("GET", f"/v2/images/{image_id}", "image:read", retry=retry)
            return Image.from_json(body.get("image"))

    def list_images(self, *, private: bool = True, tag: str | None = None) -> Iterator[Image]:
        """Read images, oldest first: the own ones, backups included, or all. Scope ``image:read``.

        :param tag: only images with this tag. Needs scope ``tag:read`` too.
        """
        params = {"private": "true"} if private else {}
        if tag is not None:
            params["tag_name"] = check_tag("tag", tag)
        scope = _with_tag("image:read", tag)
        return self.rows("/v2/images", "images", scope, Image.from_json, params)

    def all_private_images(self) -> list[Image]:
        """Read the account's own images, none missing. Scope ``image:read``.

        :raises InvalidResponseError: if some are missing each time.
        """
        params = {"private": "true"}
        return self.all_rows("/v2/images", "images", "image:read", Image.from_json, params)

    def private_images_page(self, number: int) -> Page[Image]:
        """Read one page of :meth:`list_images`, from 1, once."""
        read, params = Image.from_json, {"private": "true"}
        return self.page(
            "/v2/images", "images", "image:read", read, number=number, params=params, retry=NO_RETRY
        )

    def count_private_images(self, *, retry: RetryPolicy | None = None) -> int:
        """Return how many images of its own the token can see. Scope ``image:read``."""
        params = {"private": "true", "per_page": "1"}
        body = self.send("GET", "/v2/images", "image:read", params=params, retry=retry)
        total = total_or_none(body)
        if total is None:
            raise InvalidResponseError(
                "the list of images has no total", request_id=self.request_id
            )
        return total

    def list_droplets(
        self, *, name: str | None = None, tag: str | None = None
    ) -> Iterator[Droplet]:
        """Read droplets by exact name or by tag, or all. GPU droplets are not among them.

        Scope ``droplet:read``; a tag needs ``tag:read``, ``backup_ids`` need ``image:read``.
        """
        scope = _with_tag("droplet:read", tag)
        params = _droplet_filter(name, tag)
        return self.rows("/v2/droplets", "droplets", scope, Droplet.from_json, params)

    def all_droplets(self, *, name: str | None = None, tag: str | None = None) -> list[Droplet]:
        """Read the droplets with a name or a tag, none missing, and GPU droplets too.

        The API lists GPU droplets separately, without a filter by tag. The case of a tag
        does not matter. Scopes as for :meth:`list_droplets`.

        :raises InvalidResponseError: if some are missing each time.
        """
        scope = _with_tag("droplet:read", tag)
        read = partial(self.all_rows, "/v2/droplets", "droplets", scope, Droplet.from_json)
        found = read(_droplet_filter(name, tag))
        # The filter may need the tag as the account spells it; the API does not document that.
        if tag and not found and (spelling := self._spelling_of(tag)) != tag:
            found = read(_droplet_filter(name, spelling))
        found += read({"type": "gpus"})
        return [
            droplet
            for droplet in dict.fromkeys(found)
            if name in (None, droplet.name) and (tag is None or has_tag(droplet.tags, tag))
        ]

    def get_droplet(self, droplet_id: int) -> Droplet:
        """Read one droplet. Scope ``droplet:read``; ``backup_ids`` need ``image:read``."""
        droplet_id = check_id("droplet_id", droplet_id)
        body = self.send("GET", f"/v2/droplets/{droplet_id}", "droplet:read")
        return Droplet.from_json(body.get("droplet"))

    def list_droplet_backups(self, droplet_id: int) -> Iterator[Image]:
        """Read a droplet's backups, in no promised order. Scope ``droplet:read``."""
        return self._droplet_images(droplet_id, "backups")

    def list_droplet_snapshots(self, droplet_id: int) -> Iterator[Image]:
        """Read a droplet's snapshots, converted backups included. Scope ``droplet:read``."""
        return self._droplet_images(droplet_id, "snapshots")

    def rename_image(self, image_id: int, name: str) -> Image:
        """Give an image another name. Scope ``image:update``."""
        image_id = check_id("image_id", image_id)
        with error_context(image_id=image_id):
            body = self.send("PUT", f"/v2/images/{image_id}", "image:update", json={"name": name})
            return Image.from_json(body.get("image"))

    def delete_image(self, image_id: int) -> None:
        """Delete a snapshot or custom image, in all its regions. Scope ``image:delete``.

        :raises UnprocessableError: also if it is deleted already.
        """
        image_id = check_id("image_id", image_id)
        with error_context(image_id=image_id):
            self.send("DELETE", f"/v2/images/{image_id}", "image:delete")

    def list_tags(self) -> Iterator[str]:
        """Read the names of the account's tags. Scope ``tag:read``."""
        return self.rows("/v2/tags", "tags", "tag:read", _tag_name)

    def _spelling_of(self, tag: str) -> str:
        """Return a tag as the account spells it, or as it was given if there is no such tag."""
        return next((name for name in self.list_tags() if has_tag([name], tag)), tag)

    def tag_image(self, image_id: int, tag: str) -> None:
        """Put a tag on an image; the tag is made if it is new. Scopes ``tag:create``, ``tag:read``.

        A tag that exists in another case is used as the API spells it: paths need that spelling.
        Repeating it does no harm.
        """
        image_id, tag = check_id("image_id", image_id), check_tag("tag", tag)
        resource = {"resource_id": str(image_id), "resource_type": "image"}
        with error_context(image_id=image_id):
            body = self.send("POST", "/v2/tags", "tag:create", json={"name": tag})
            spelling = _tag_name(body.get("tag"))
            if not has_tag([spelling], tag):
                raise InvalidResponseError(
                    f"asked for the tag {tag!r}, got {spelling!r}", request_id=self.request_id
                )
            path = f"/v2/tags/{quote(spelling, safe='')}/resources"
            self.send("POST", path, "tag:create", json={"resources": [resource]})

    def list_regions(self) -> Iterator[Region]:
        """Read the regions that this account sees. Scope ``regions:read``."""
        return self.rows("/v2/regions", "regions", "regions:read", Region.from_json)

    def _post_action(self, image_id: int, body: Json) -> ImageAction:
        image_id = check_id("image_id", image_id)
        with error_context(image_id=image_id, region=body.get("region")):
            path = f"/v2/images/{image_id}/actions"
            response = self.send("POST", path, "image:update", json=body)
            return self._action(response.get("action"), image_id)

    def _action(self, row: Any, image_id: int | None = None) -> ImageAction:
        try:
            action = ImageAction.from_json(row, image_id)
        except InvalidResponseError as error:
            raise error.with_facts(request_id=self.request_id) from error
        return replace(action, request_id=self.request_id)

    def _droplet_images(self, droplet_id: int, kind: str) -> Iterator[Image]:
        path = f"/v2/droplets/{check_id('droplet_id', droplet_id)}/{kind}"
        return self.rows(path, kind, "droplet:read", Image.from_json)


def _with_tag(scope: str, tag: str | None) -> str:
    """Return the scopes of a list that is filtered by a tag, if it is; the API names none."""
    return f"{scope} and tag:read" if tag else scope


def _droplet_filter(name: str | None, tag: str | None) -> dict[str, str]:
    """Return the parameters of a list of droplets.

    :raises InvalidInputError: for a tag that cannot exist.
    """
    if tag is not None:
        check_tag("tag", tag)
    return {key: value for key, value in (("name", name), ("tag_name", tag)) if value}


def _tag_name(row: Any) -> str:
    name = text_or_none(row.get("name")) if isinstance(row, dict) else None
    if not name:
        raise InvalidResponseError("a tag without a name")
    return name
