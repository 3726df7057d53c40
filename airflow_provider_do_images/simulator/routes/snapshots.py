"""Snapshots: images with string ids and their source droplet."""

from __future__ import annotations

from airflow_provider_do_images.simulator import operations
from airflow_provider_do_images.simulator.http.pagination import paginate_index
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.http.serializers import snapshot_json

SNAPSHOTS = ("type", "snapshot")
NONE = ("type", "volume")


def list_snapshots(request: ApiRequest) -> ApiResponse:
    """List droplet snapshots, oldest first (assumed). There are no volume snapshots."""
    state = request.state
    key = NONE if request.query.get("resource_type") == "volume" else SNAPSHOTS
    return paginate_index(
        request,
        "snapshots",
        state.image_index,
        key,
        lambda id_: snapshot_json(state.images[id_], request.scopes),
    )


def get_snapshot(request: ApiRequest) -> ApiResponse:
    """Return a snapshot."""
    snapshot = operations.require_snapshot(request.state, request.path_id("snapshot_id"))
    return ApiResponse({"snapshot": snapshot_json(snapshot, request.scopes)})


def delete_snapshot(request: ApiRequest) -> ApiResponse:
    """Delete a snapshot."""
    snapshot = operations.require_snapshot(request.state, request.path_id("snapshot_id"))
    operations.delete_image(request.state, snapshot.id)
    return NO_CONTENT
