"""The endpoints and the scopes that they need (confirmed: ``security`` in the OpenAPI file)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from airflow_provider_do_images.simulator.http.errors import not_found
from airflow_provider_do_images.simulator.http.request import ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.routes import (
    account,
    actions,
    droplets,
    images,
    snapshots,
    tags,
)


class Endpoint(NamedTuple):
    """A method and a path, their handler, and the scopes that the token needs."""

    method: str
    path: str
    handle: Callable[[ApiRequest], ApiResponse]
    scopes: tuple[str, ...] = ()


def unknown_path(_request: ApiRequest) -> ApiResponse:
    """Return the 404 for unknown paths, and (assumed) for unknown methods."""
    raise not_found()


UNKNOWN = Endpoint("*", "/{path:path}", unknown_path)

IMAGE = "/v2/images/{image_id}"
DROPLET = "/v2/droplets/{droplet_id}"
SNAPSHOT = "/v2/snapshots/{snapshot_id}"
TAG = "/v2/tags/{tag}"

ENDPOINTS = (
    Endpoint("GET", "/v2/account", account.get_account, ("account:read",)),
    Endpoint("GET", "/v2/regions", account.list_regions, ("regions:read",)),
    Endpoint("GET", "/v2/actions", actions.list_actions, ("actions:read",)),
    Endpoint("GET", "/v2/actions/{action_id}", actions.get_action, ("actions:read",)),
    Endpoint("GET", "/v2/images", images.list_images, ("image:read",)),
    Endpoint("GET", IMAGE, images.get_image, ("image:read",)),
    Endpoint("PUT", IMAGE, images.update_image, ("image:update",)),
    Endpoint("DELETE", IMAGE, images.delete_image, ("image:delete",)),
    Endpoint("GET", f"{IMAGE}/actions", images.list_image_actions, ("image:read",)),
    Endpoint("POST", f"{IMAGE}/actions", images.create_image_action, ("image:update",)),
    Endpoint("GET", f"{IMAGE}/actions/{{action_id}}", images.get_image_action, ("image:read",)),
    Endpoint("GET", "/v2/droplets", droplets.list_droplets, ("droplet:read",)),
    Endpoint("GET", DROPLET, droplets.get_droplet, ("droplet:read",)),
    Endpoint("DELETE", DROPLET, droplets.destroy_droplet, ("droplet:delete",)),
    Endpoint("GET", f"{DROPLET}/backups", droplets.list_backups, ("droplet:read",)),
    Endpoint("GET", f"{DROPLET}/snapshots", droplets.list_droplet_snapshots, ("droplet:read",)),
    Endpoint("GET", f"{DROPLET}/actions", droplets.list_droplet_actions, ("droplet:read",)),
    Endpoint("POST", f"{DROPLET}/actions", droplets.create_droplet_action, ("droplet:update",)),
    Endpoint(
        "GET",
        f"{DROPLET}/actions/{{action_id}}",
        droplets.get_droplet_action,
        ("droplet:read",),
    ),
    Endpoint("GET", "/v2/snapshots", snapshots.list_snapshots, ("snapshot:read",)),
    Endpoint("GET", SNAPSHOT, snapshots.get_snapshot, ("snapshot:read",)),
    Endpoint("DELETE", SNAPSHOT, snapshots.delete_snapshot, ("image:delete", "snapshot:delete")),
    Endpoint("GET", "/v2/tags", tags.list_tags, ("tag:read",)),
    Endpoint("POST", "/v2/tags", tags.create_tag, ("tag:create",)),
    Endpoint("GET", TAG, tags.get_tag, ("tag:read",)),
    Endpoint("DELETE", TAG, tags.delete_tag, ("tag:delete",)),
    Endpoint("POST", f"{TAG}/resources", tags.tag_resources, ("tag:create",)),
    Endpoint("DELETE", f"{TAG}/resources", tags.untag_resources, ("tag:delete",)),
)
