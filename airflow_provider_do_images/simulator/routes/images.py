"""Images and their actions."""

from __future__ import annotations

from collections.abc import Hashable

from airflow_provider_do_images.simulator import operations
from airflow_provider_do_images.simulator.http.errors import error_of, not_found
from airflow_provider_do_images.simulator.http.pagination import paged_index
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, Answer, Call
from airflow_provider_do_images.simulator.http.serializers import action_json, image_json
from airflow_provider_do_images.simulator.routes.actions import list_actions_of, one_action_of
from airflow_provider_do_images.simulator.routes.tags import spelling_for_filter
from airflow_provider_do_images.simulator.state.models import Image


def list_images(call: Call) -> Answer:
    """List images, oldest first (reported: hashicorp/packer#3158)."""
    if call.query.get("tag_name") and not call.scopes.allow("tag:read"):
        raise error_of(403)
    state = call.state
    return paged_index(
        call,
        "images",
        state.image_index,
        _key(call),
        lambda id_: image_json(state.images[id_], call.scopes),
    )


def _key(call: Call) -> Hashable:
    """Return which list is meant.

    ``type`` is not the attribute of that name (confirmed): ``distribution`` and ``application``
    are kinds of public images, and there are only the former here.
    """
    query = call.query
    if tag := query.get("tag_name"):
        return ("tag", spelling_for_filter(call, tag))
    if kind := query.get("type"):
        return "public" if kind == "distribution" else "none"
    return "private" if query.get("private") == "true" else "all"


def get_image(call: Call) -> Answer:
    """Return an image by id, a public one also by slug."""
    return Answer({"image": image_json(_by_id_or_slug(call), call.scopes)})


def _by_id_or_slug(call: Call) -> Image:
    name, state = call.params["image_id"], call.state
    if name.isdigit():
        return operations.find_image(state, call.id("image_id"))
    public = map(state.images.__getitem__, state.image_index.oldest_first("public"))
    found = next((image for image in public if image.slug == name), None)
    if found is None:
        raise not_found()
    return found


def update_image(call: Call) -> Answer:
    """Rename an image."""
    image = operations.rename_image(call.state, call.id("image_id"), call.json())
    return Answer({"image": image_json(image, call.scopes)})


def delete_image(call: Call) -> Answer:
    """Delete an image."""
    operations.delete_image(call.state, call.id("image_id"))
    return NO_CONTENT


def act_on_image(call: Call) -> Answer:
    """Begin an action: 201, wrapped in ``action`` (confirmed, though not by the schema)."""
    body = call.json()
    image_id = call.id("image_id")
    action = operations.act_on_image(call.state, image_id, body.get("type"), body.get("region"))
    return Answer({"action": action_json(call.state, action, call.scopes)}, 201)


def list_image_actions(call: Call) -> Answer:
    """List an image's actions, newest first, also of a deleted image (reported)."""
    image_id = call.id("image_id")
    if image_id not in call.state.deleted_images:
        operations.find_image(call.state, image_id)
    return list_actions_of(call, ("image", image_id))


def get_image_action(call: Call) -> Answer:
    """Return an action, if it is one of this image (confirmed since 2024)."""
    return one_action_of(call, "image", call.id("image_id"))
