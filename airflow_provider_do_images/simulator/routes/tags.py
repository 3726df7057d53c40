"""Tags of droplets and images (confirmed: DigitalOcean's API reference)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_do_images.simulator.http.errors import (
    not_found,
    standard_error,
    unprocessable,
)
from airflow_provider_do_images.simulator.http.pagination import paginate
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.models import Droplet, Image

NAME = re.compile(r"[A-Za-z0-9_:-]{1,255}")
ID = re.compile(r"[0-9]{1,19}")


def list_tags(request: ApiRequest) -> ApiResponse:
    """List tags by name (assumed)."""
    names = sorted(request.state.tags)
    return paginate(
        request,
        "tags",
        len(names),
        lambda start, stop: [_tag_json(request, name) for name in names[start:stop]],
    )


def create_tag(request: ApiRequest) -> ApiResponse:
    """Create a tag. An existing tag is not changed (reported: doctl#333)."""
    name = request.json_object().get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise unprocessable(request.state.rules.text("tag_invalid"))
    [name] = request.state.tags.register([name])
    return ApiResponse({"tag": _tag_json(request, name)}, 201)


def get_tag(request: ApiRequest) -> ApiResponse:
    """Return a tag."""
    return ApiResponse({"tag": _tag_json(request, _name(request))})


def delete_tag(request: ApiRequest) -> ApiResponse:
    """Delete a tag and remove it from all resources."""
    name, state = _name(request), request.state
    resources: list[Image | Droplet] = [*state.images.values(), *state.droplets.values()]
    for resource in resources:
        if name in resource.tags:
            _set_tags(state, resource, [tag for tag in resource.tags if tag != name])
    state.tags.discard(name)
    return NO_CONTENT


def tag_resources(request: ApiRequest) -> ApiResponse:
    """Add a tag to droplets and images."""
    name = _name(request)
    for resource in _resources(request):
        if name not in resource.tags:
            _set_tags(request.state, resource, [*resource.tags, name])
    return NO_CONTENT


def untag_resources(request: ApiRequest) -> ApiResponse:
    """Remove a tag from droplets and images."""
    name = _name(request)
    for resource in _resources(request):
        _set_tags(request.state, resource, [tag for tag in resource.tags if tag != name])
    return NO_CONTENT


def canonical_filter_tag(request: ApiRequest, name: str) -> str:
    """Return the tag for ``tag_name``, which ignores case by default (assumed)."""
    state = request.state
    return state.tags.canonical(name) if state.rules.tag_filter_any_case else name


def _name(request: ApiRequest) -> str:
    """Return the tag in the path, in its canonical spelling (confirmed: API reference)."""
    name = request.params["tag"]
    if name not in request.state.tags or request.state.tags.canonical(name) != name:
        raise not_found()
    return name


def _resources(request: ApiRequest) -> list[Image | Droplet]:
    """Return the resources in the body. All need the update scope (confirmed: pydo's docs)."""
    tables: dict[str, Mapping[int, Image | Droplet]] = {
        "image": request.state.images,
        "droplet": request.state.droplets,
    }
    found = []
    rows = request.json_object().get("resources")
    for row in rows if isinstance(rows, list) else ():
        fields = row if isinstance(row, dict) else {}
        kind, id_ = str(fields.get("resource_type")), str(fields.get("resource_id"))
        resource = tables.get(kind, {}).get(int(id_)) if ID.fullmatch(id_) else None
        if resource is None:
            raise not_found()
        if not request.scopes.allow(f"{kind}:update"):
            raise standard_error(403)
        found.append(resource)
    return found


def _set_tags(state: AccountState, resource: Image | Droplet, tags: list[str]) -> None:
    with state.reindexing(resource):
        resource.tags = tags


def _tag_json(request: ApiRequest, name: str) -> dict[str, Any]:
    """Return a tag with counts and the URL of the last tagged resource, if any."""
    resources: dict[str, Any] = {"count": 0}
    indexes = {"droplets": request.state.droplet_index, "images": request.state.image_index}
    for kind, index in indexes.items():
        count = index.count(("tag", name))
        newest = index.newest_first(("tag", name), 0, 1)
        uri = {"last_tagged_uri": f"{request.base_url}/v2/{kind}/{newest[0]}"} if newest else {}
        resources["count"] += count
        resources[kind] = {"count": count, **uri}
    return {"name": name, "resources": resources}
