"""Images and their actions."""

from __future__ import annotations

from collections.abc import Hashable

from airflow_provider_do_images.simulator import operations
from airflow_provider_do_images.simulator.http.errors import not_found, standard_error
from airflow_provider_do_images.simulator.http.pagination import paginate_index
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.http.serializers import action_json, image_json
from airflow_provider_do_images.simulator.routes.actions import get_action_of, list_actions_of
from airflow_provider_do_images.simulator.routes.tags import canonical_filter_tag
from airflow_provider_do_images.simulator.state.models import Image


def list_images(request: ApiRequest) -> ApiResponse:
    """List images, oldest first (reported: hashicorp/packer#3158)."""
    if request.query.get("tag_name") and not request.scopes.allow("tag:read"):
        raise standard_error(403)
    state = request.state
    return paginate_index(
        request,
        "images",
        state.image_index,
        _key(request),
        lambda id_: image_json(state.images[id_], request.scopes),
    )


def _key(request: ApiRequest) -> Hashable:
    """Return the index key for the filters.

    The parameter ``type`` is not the attribute (confirmed): ``distribution`` and ``application``
    are kinds of public images. The simulator has only the former.
    """
    query = request.query
    if tag := query.get("tag_name"):
        return ("tag", canonical_filter_tag(request, tag))
    if kind := query.get("type"):
        return "public" if kind == "distribution" else "none"
    return "private" if query.get("private") == "true" else "all"


def get_image(request: ApiRequest) -> ApiResponse:
    """Return an image by id, or a public image by slug."""
    return ApiResponse({"image": image_json(_by_id_or_slug(request), request.scopes)})


def _by_id_or_slug(request: ApiRequest) -> Image:
    name, state = request.params["image_id"], request.state
    if name.isdigit():
        return operations.require_image(state, request.path_id("image_id"))
    public = map(state.images.__getitem__, state.image_index.oldest_first("public"))
    found = next((image for image in public if image.slug == name), None)
    if found is None:
        raise not_found()
    return found


def update_image(request: ApiRequest) -> ApiResponse:
    """Rename an image."""
    image = operations.rename_image(
        request.state, request.path_id("image_id"), request.json_object()
    )
    return ApiResponse({"image": image_json(image, request.scopes)})


def delete_image(request: ApiRequest) -> ApiResponse:
    """Delete an image."""
    operations.delete_image(request.state, request.path_id("image_id"))
    return NO_CONTENT


def create_image_action(request: ApiRequest) -> ApiResponse:
    """Start an action: 201, under ``action`` (confirmed, although not in the schema)."""
    body = request.json_object()
    image_id = request.path_id("image_id")
    action = operations.create_image_action(
        request.state, image_id, body.get("type"), body.get("region")
    )
    return ApiResponse({"action": action_json(request.state, action, request.scopes)}, 201)


def list_image_actions(request: ApiRequest) -> ApiResponse:
    """List an image's actions, newest first, also after its deletion (reported)."""
    image_id = request.path_id("image_id")
    if image_id not in request.state.deleted_images:
        operations.require_image(request.state, image_id)
    return list_actions_of(request, ("image", image_id))


def get_image_action(request: ApiRequest) -> ApiResponse:
    """Return an action of this image (confirmed since 2024)."""
    return get_action_of(request, "image", request.path_id("image_id"))
