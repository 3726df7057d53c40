"""Serialize objects to the API's JSON.

Source: DigitalOcean's OpenAPI specification and recorded responses of February 2026. Fields that
the token has no scope for are empty.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from airflow_provider_do_images.simulator.clock import timestamp
from airflow_provider_do_images.simulator.http.tokens import ALL_SCOPES, Scopes
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.backup_schedule import WINDOW
from airflow_provider_do_images.simulator.state.models import IN_PROGRESS, Action, Droplet, Image
from airflow_provider_do_images.simulator.state.regions import Region

Json = dict[str, Any]

FIRST_PUBLIC_ADDRESS = int(IPv4Address("203.0.113.1"))  # reserved for documentation
FIRST_PRIVATE_ADDRESS = int(IPv4Address("10.116.0.2"))
VPC_UUID = "760e09ef-dc84-11e8-981e-3cfdfeaae000"


def region_json(region: Region, scopes: Scopes) -> Json:
    """Return a region; ``sizes`` needs ``sizes:read`` (confirmed)."""
    return {
        "name": region.name,
        "slug": region.slug,
        "features": list(region.features),
        "available": region.available,
        "sizes": list(region.sizes) if scopes.allow("sizes:read") else [],
    }


def action_json(state: AccountState, action: Action, scopes: Scopes) -> Json:
    """Return an action. An errored action has no reason (confirmed)."""
    slug = action.region if _shows_region(state, action) else None
    region = state.regions.get(slug) if slug else None
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": timestamp(action.started_at),
        "completed_at": _timestamp(action.completed_at),
        "resource_id": action.resource_id,
        "resource_type": action.resource_type,
        "region": region_json(region, scopes) if region else None,
        "region_slug": slug,
    }


def _shows_region(state: AccountState, action: Action) -> bool:
    """Return whether an action includes its region (reported both ways for transfers)."""
    if action.type != "transfer":
        return True
    hidden_while_running = state.rules.region_null_until_completed and action.status == IN_PROGRESS
    return state.rules.transfers_show_region and not hidden_while_running


def image_json(image: Image, scopes: Scopes) -> Json:
    """Return an image as in ``/v2/images``, without its source droplet."""
    return {
        "id": image.id,
        "name": image.name,
        "distribution": image.distribution,
        "slug": image.slug,
        "public": image.public,
        "regions": list(image.regions),
        "created_at": timestamp(image.created_at),
        "min_disk_size": image.min_disk_size,
        "type": image.type,
        "size_gigabytes": image.size_gigabytes,
        "description": image.description,
        "tags": _tags(image.tags, scopes),
        "status": image.status,
        "error_message": image.error_message,
    }


def droplet_image_json(image: Image) -> Json:
    """Return an image as in a droplet's lists of backups and snapshots, with fewer fields."""
    omitted = {"description", "error_message", "status", "tags"}
    full = image_json(image, ALL_SCOPES)
    return {key: value for key, value in full.items() if key not in omitted}


def snapshot_json(image: Image, scopes: Scopes) -> Json:
    """Return an image as in ``/v2/snapshots``, with ids as strings (confirmed)."""
    return {
        "id": str(image.id),
        "name": image.name,
        "created_at": timestamp(image.created_at),
        "regions": list(image.regions),
        "resource_id": str(image.droplet_id or ""),
        "resource_type": "droplet",
        "min_disk_size": image.min_disk_size,
        "size_gigabytes": image.size_gigabytes,
        "tags": _tags(image.tags, scopes),
    }


def droplet_json(state: AccountState, droplet: Droplet, scopes: Scopes) -> Json:
    """Return a droplet; its image fields also need ``image:read`` (confirmed)."""
    features = ["droplet_agent", "private_networking", *(["backups"] if droplet.backups else [])]
    sees_images = scopes.allow("image:read")
    source = state.images.get(droplet.image_id or 0)
    listed = state.image_index.oldest_first
    return {
        "id": droplet.id,
        "name": droplet.name,
        "memory": droplet.memory,
        "vcpus": droplet.vcpus,
        "disk": droplet.disk,
        "disk_info": [{"type": "local", "size": {"amount": droplet.disk, "unit": "gib"}}],
        "locked": droplet.locked_by is not None,
        "status": droplet.status,
        "kernel": None,
        "created_at": timestamp(droplet.created_at),
        "features": features,
        "backup_ids": listed(("droplet", droplet.id, "backup")) if sees_images else [],
        "next_backup_window": _window(droplet.next_window_at),
        "snapshot_ids": listed(("droplet", droplet.id, "snapshot")) if sees_images else [],
        "image": image_json(source, scopes) if source and sees_images else {},
        "volume_ids": [],
        "size": _size(droplet),
        "size_slug": droplet.size_slug,
        "networks": _networks(droplet),
        "region": region_json(state.regions[droplet.region], scopes),
        "tags": _tags(droplet.tags, scopes),
        "vpc_uuid": VPC_UUID,
    }


def _size(droplet: Droplet) -> Json:
    return {
        "slug": droplet.size_slug,
        "memory": droplet.memory,
        "vcpus": droplet.vcpus,
        "disk": droplet.disk,
        "transfer": 2.0,
        "price_monthly": 12.0,
        "price_hourly": 0.01786,
        "regions": [droplet.region],
        "available": True,
        "description": "Basic",
    }


def _networks(droplet: Droplet) -> Json:
    private = {
        "ip_address": str(IPv4Address(FIRST_PRIVATE_ADDRESS + droplet.id % 4000)),
        "netmask": "255.255.240.0",
        "gateway": "10.116.0.1",
        "type": "private",
    }
    public = {
        "ip_address": str(IPv4Address(FIRST_PUBLIC_ADDRESS + droplet.id % 250)),
        "netmask": "255.255.255.0",
        "gateway": "203.0.113.254",
        "type": "public",
    }
    return {"v4": [private, public], "v6": []}


def _window(start: int | None) -> Json | None:
    if start is None:
        return None
    return {"start": timestamp(start), "end": timestamp(start + WINDOW)}


def _timestamp(moment: int | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _tags(tags: list[str], scopes: Scopes) -> list[str]:
    return list(tags) if scopes.allow("tag:read") else []
