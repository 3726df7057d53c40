"""Droplets, their backups, snapshots and actions."""

from __future__ import annotations

from collections.abc import Hashable

from airflow_provider_do_images.simulator import operations
from airflow_provider_do_images.simulator.http.errors import error_of, unprocessable
from airflow_provider_do_images.simulator.http.pagination import paged_index
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, Answer, Call
from airflow_provider_do_images.simulator.http.serializers import (
    action_json,
    droplet_image_json,
    droplet_json,
)
from airflow_provider_do_images.simulator.routes.actions import list_actions_of, one_action_of
from airflow_provider_do_images.simulator.routes.tags import spelling_for_filter


def list_droplets(call: Call) -> Answer:
    """List droplets, oldest first (assumed), by name or by tag."""
    state = call.state
    return paged_index(
        call,
        "droplets",
        state.droplet_index,
        _droplet_key(call),
        lambda id_: droplet_json(state, state.droplets[id_], call.scopes),
    )


def _droplet_key(call: Call) -> Hashable:
    """Return which list is meant: those with GPUs only when asked for (confirmed)."""
    tag, name = call.query.get("tag_name"), call.query.get("name")
    kind = "gpus" if call.query.get("type") == "gpus" else "droplets"
    if tag and (name or kind == "gpus"):
        raise unprocessable(call.state.rules.text("filters_combined"))
    if tag:
        if not call.scopes.allow("tag:read"):
            raise error_of(403)
        return (kind, "tag", spelling_for_filter(call, tag))
    return (kind, "name", name.lower()) if name else kind


def get_droplet(call: Call) -> Answer:
    """Return a droplet."""
    droplet = operations.find_droplet(call.state, call.id("droplet_id"))
    return Answer({"droplet": droplet_json(call.state, droplet, call.scopes)})


def destroy_droplet(call: Call) -> Answer:
    """Destroy a droplet."""
    operations.destroy_droplet(call.state, call.id("droplet_id"))
    return NO_CONTENT


def list_backups(call: Call) -> Answer:
    """List a droplet's backups."""
    return _list_images_of_droplet(call, "backups", "backup")


def list_droplet_snapshots(call: Call) -> Answer:
    """List a droplet's snapshots."""
    return _list_images_of_droplet(call, "snapshots", "snapshot")


def _list_images_of_droplet(call: Call, name: str, image_type: str) -> Answer:
    """List oldest first (assumed)."""
    state = call.state
    droplet = operations.find_droplet(state, call.id("droplet_id"))
    return paged_index(
        call,
        name,
        state.image_index,
        ("droplet", droplet.id, image_type),
        lambda id_: droplet_image_json(state.images[id_]),
    )


def act_on_droplet(call: Call) -> Answer:
    """Begin an action. For a snapshot it names the droplet, not the image to come (confirmed)."""
    body = call.json()
    droplet_id = call.id("droplet_id")
    if body.get("type") == "snapshot" and not call.scopes.allow("image:create"):
        raise error_of(403)
    action = operations.act_on_droplet(call.state, droplet_id, body)
    return Answer({"action": action_json(call.state, action, call.scopes)}, 201)


def list_droplet_actions(call: Call) -> Answer:
    """List a droplet's actions, newest first."""
    droplet = operations.find_droplet(call.state, call.id("droplet_id"))
    return list_actions_of(call, ("droplet", droplet.id))


def get_droplet_action(call: Call) -> Answer:
    """Return an action, if it is one of this droplet."""
    return one_action_of(call, "droplet", call.id("droplet_id"))
