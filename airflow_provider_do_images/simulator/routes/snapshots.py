"""Snapshots: the same images once more, under string ids, with the droplet they came from."""

from __future__ import annotations

from airflow_provider_do_images.simulator import operations
from airflow_provider_do_images.simulator.http.pagination import paged_index
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, Answer, Call
from airflow_provider_do_images.simulator.http.serializers import snapshot_json

SNAPSHOTS = ("type", "snapshot")
NONE = ("type", "volume")


def list_snapshots(call: Call) -> Answer:
    """List droplet snapshots, oldest first (assumed); there are none of volumes here."""
    state = call.state
    key = NONE if call.query.get("resource_type") == "volume" else SNAPSHOTS
    return paged_index(
        call,
        "snapshots",
        state.image_index,
        key,
        lambda id_: snapshot_json(state.images[id_], call.scopes),
    )


def get_snapshot(call: Call) -> Answer:
    """Return a snapshot."""
    snapshot = operations.find_snapshot(call.state, call.id("snapshot_id"))
    return Answer({"snapshot": snapshot_json(snapshot, call.scopes)})


def delete_snapshot(call: Call) -> Answer:
    """Delete a snapshot."""
    snapshot = operations.find_snapshot(call.state, call.id("snapshot_id"))
    operations.delete_image(call.state, snapshot.id)
    return NO_CONTENT
