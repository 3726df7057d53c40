"""Droplets, their backups, snapshots and actions."""

from __future__ import annotations

from collections.abc import Hashable

from airflow_provider_do_images.simulator import operations
from airflow_provider_do_images.simulator.http.errors import standard_error, unprocessable
from airflow_provider_do_images.simulator.http.pagination import paginate_index
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.http.serializers import (
    action_json,
    droplet_image_json,
    droplet_json,
)
from airflow_provider_do_images.simulator.routes.actions import get_action_of, list_actions_of
from airflow_provider_do_images.simulator.routes.tags import canonical_filter_tag


def list_droplets(request: ApiRequest) -> ApiResponse:
    """List droplets, filtered by name or tag, oldest first (assumed)."""
    state = request.state
    return paginate_index(
        request,
        "droplets",
        state.droplet_index,
        _droplet_key(request),
        lambda id_: droplet_json(state, state.droplets[id_], request.scopes),
    )


def _droplet_key(request: ApiRequest) -> Hashable:
    """Return the index key for the filters. ``type=gpus`` is needed for GPUs (confirmed)."""
    tag, name = request.query.get("tag_name"), request.query.get("name")
    kind = "gpus" if request.query.get("type") == "gpus" else "droplets"
    if tag and (name or kind == "gpus"):
        raise unprocessable(request.state.rules.text("filters_combined"))
    if tag:
        if not request.scopes.allow("tag:read"):
            raise standard_error(403)
        return (kind, "tag", canonical_filter_tag(request, tag))
    return (kind, "name", name.lower()) if name else kind


def get_droplet(request: ApiRequest) -> ApiResponse:
    """Return a droplet."""
    droplet = operations.require_droplet(request.state, request.path_id("droplet_id"))
    return ApiResponse({"droplet": droplet_json(request.state, droplet, request.scopes)})


def destroy_droplet(request: ApiRequest) -> ApiResponse:
    """Destroy a droplet."""
    operations.destroy_droplet(request.state, request.path_id("droplet_id"))
    return NO_CONTENT


def list_backups(request: ApiRequest) -> ApiResponse:
    """List a droplet's backups."""
    return _list_images_of_droplet(request, "backups", "backup")


def list_droplet_snapshots(request: ApiRequest) -> ApiResponse:
    """List a droplet's snapshots."""
    return _list_images_of_droplet(request, "snapshots", "snapshot")


def _list_images_of_droplet(request: ApiRequest, name: str, image_type: str) -> ApiResponse:
    """List oldest first (assumed)."""
    state = request.state
    droplet = operations.require_droplet(state, request.path_id("droplet_id"))
    return paginate_index(
        request,
        name,
        state.image_index,
        ("droplet", droplet.id, image_type),
        lambda id_: droplet_image_json(state.images[id_]),
    )


def create_droplet_action(request: ApiRequest) -> ApiResponse:
    """Start an action. A snapshot action refers to the droplet, not the image (confirmed)."""
    body = request.json_object()
    droplet_id = request.path_id("droplet_id")
    if body.get("type") == "snapshot" and not request.scopes.allow("image:create"):
        raise standard_error(403)
    action = operations.create_droplet_action(request.state, droplet_id, body)
    return ApiResponse({"action": action_json(request.state, action, request.scopes)}, 201)


def list_droplet_actions(request: ApiRequest) -> ApiResponse:
    """List a droplet's actions, newest first."""
    droplet = operations.require_droplet(request.state, request.path_id("droplet_id"))
    return list_actions_of(request, ("droplet", droplet.id))


def get_droplet_action(request: ApiRequest) -> ApiResponse:
    """Return an action of this droplet."""
    return get_action_of(request, "droplet", request.path_id("droplet_id"))
