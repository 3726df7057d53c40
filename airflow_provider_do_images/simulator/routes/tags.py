"""Tags, and what carries them: droplets and images (confirmed: DigitalOcean's API reference)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_do_images.simulator.http.errors import error_of, not_found, unprocessable
from airflow_provider_do_images.simulator.http.pagination import paged
from airflow_provider_do_images.simulator.http.request import NO_CONTENT, Answer, Call
from airflow_provider_do_images.simulator.state.account_state import State
from airflow_provider_do_images.simulator.state.models import Droplet, Image

NAME = re.compile(r"[A-Za-z0-9_:-]{1,255}")
ID = re.compile(r"[0-9]{1,19}")


def list_tags(call: Call) -> Answer:
    """List tags by name (assumed)."""
    names = sorted(call.state.tags)
    return paged(
        call,
        "tags",
        len(names),
        lambda start, stop: [_tag_json(call, name) for name in names[start:stop]],
    )


def create_tag(call: Call) -> Answer:
    """Create a tag; one that exists stays as it is, in its own spelling (reported: doctl#333)."""
    name = call.json().get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise unprocessable(call.state.rules.text("tag_invalid"))
    [name] = call.state.tags.register([name])
    return Answer({"tag": _tag_json(call, name)}, 201)


def get_tag(call: Call) -> Answer:
    """Return a tag."""
    return Answer({"tag": _tag_json(call, _name(call))})


def delete_tag(call: Call) -> Answer:
    """Delete a tag; what carried it is there without it."""
    name, state = _name(call), call.state
    things: list[Image | Droplet] = [*state.images.values(), *state.droplets.values()]
    for thing in things:
        if name in thing.tags:
            _set_tags(state, thing, [tag for tag in thing.tags if tag != name])
    state.tags.discard(name)
    return NO_CONTENT


def tag_resources(call: Call) -> Answer:
    """Put a tag on droplets and images."""
    name = _name(call)
    for thing in _resources(call):
        if name not in thing.tags:
            _set_tags(call.state, thing, [*thing.tags, name])
    return NO_CONTENT


def untag_resources(call: Call) -> Answer:
    """Take a tag off droplets and images."""
    name = _name(call)
    for thing in _resources(call):
        _set_tags(call.state, thing, [tag for tag in thing.tags if tag != name])
    return NO_CONTENT


def spelling_for_filter(call: Call, name: str) -> str:
    """Return the tag that ``tag_name`` means: in any case (assumed), or as it is written."""
    state = call.state
    return state.tags.canonical(name) if state.rules.tag_filter_any_case else name


def _name(call: Call) -> str:
    """Return the tag of the path, which needs the canonical spelling (confirmed: API reference)."""
    name = call.params["tag"]
    if name not in call.state.tags or call.state.tags.canonical(name) != name:
        raise not_found()
    return name


def _resources(call: Call) -> list[Image | Droplet]:
    """Return what the body names, if the token may change all of it (confirmed: pydo's docs)."""
    tables: dict[str, Mapping[int, Image | Droplet]] = {
        "image": call.state.images,
        "droplet": call.state.droplets,
    }
    found = []
    rows = call.json().get("resources")
    for row in rows if isinstance(rows, list) else ():
        fields = row if isinstance(row, dict) else {}
        kind, id_ = str(fields.get("resource_type")), str(fields.get("resource_id"))
        thing = tables.get(kind, {}).get(int(id_)) if ID.fullmatch(id_) else None
        if thing is None:
            raise not_found()
        if not call.scopes.allow(f"{kind}:update"):
            raise error_of(403)
        found.append(thing)
    return found


def _set_tags(state: State, thing: Image | Droplet, tags: list[str]) -> None:
    if isinstance(thing, Image):
        with state.changing_image(thing):
            thing.tags = tags
    else:
        with state.changing_droplet(thing):
            thing.tags = tags


def _tag_json(call: Call, name: str) -> dict[str, Any]:
    """Return a tag and how much carries it; no address for what nothing carries."""
    resources: dict[str, Any] = {"count": 0}
    indexes = {"droplets": call.state.droplet_index, "images": call.state.image_index}
    for kind, index in indexes.items():
        count = index.count(("tag", name))
        newest = index.newest_first(("tag", name), 0, 1)
        uri = {"last_tagged_uri": f"{call.base_url}/v2/{kind}/{newest[0]}"} if newest else {}
        resources["count"] += count
        resources[kind] = {"count": count, **uri}
    return {"name": name, "resources": resources}
