"""Tags of images and droplets over HTTP, with their scopes."""

from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.fixture
def web(sim):
    """A droplet."""
    return sim.state.add_droplet("web-99")


def resources(**things):
    """Return a request body with resources."""
    rows = [{"resource_id": str(t.id), "resource_type": kind} for kind, t in things.items()]
    return {"resources": rows}


def test_images_and_droplets_are_tagged_and_listed_by_tag(ask, snapshot, web):
    """A tag is created, added, counted, listed and removed."""
    ask("POST", "/v2/tags", {"name": "nightly"})
    body = resources(image=snapshot, droplet=web)

    assert ask("POST", "/v2/tags/nightly/resources", body).status_code == 204

    tag = ask("GET", "/v2/tags/nightly").json()["tag"]["resources"]
    assert (tag["count"], tag["images"]["count"], tag["droplets"]["count"]) == (2, 1, 1)
    assert tag["images"]["last_tagged_uri"].endswith(f"/v2/images/{snapshot.id}")
    images = ask("GET", "/v2/images?tag_name=nightly").json()["images"]
    droplets = ask("GET", "/v2/droplets?tag_name=nightly").json()["droplets"]
    assert [(row["id"], row["tags"]) for row in images] == [(snapshot.id, ["nightly"])]
    assert [(row["id"], row["tags"]) for row in droplets] == [(web.id, ["nightly"])]
    assert ask("DELETE", "/v2/tags/nightly/resources", body).status_code == 204
    assert ask("GET", "/v2/images?tag_name=nightly").json()["images"] == []


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        ({"tag:create", "image:update"}, 204),
        ({"tag:create"}, 403),
        ({"image:update"}, 403),
        ({"tag:create", "droplet:update"}, 403),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_tagging_an_image_needs_two_scopes(ask, sim, snapshot, scopes, status):
    """Tagging needs ``tag:create`` and ``update`` of the resource."""
    sim.state.tags.add("nightly")
    sim.tokens.allow("dop_v1_any", scopes)

    answer = ask("POST", "/v2/tags/nightly/resources", resources(image=snapshot))

    assert answer.status_code == status
    assert snapshot.tags == (["nightly"] if status == 204 else [])


def test_unknown_objects_cannot_be_tagged(ask, sim, snapshot):
    """An unknown tag or resource is a 404, and the request has no effect."""
    sim.state.tags.add("nightly")
    body = resources(image=snapshot)
    body["resources"].append({"resource_id": "1", "resource_type": "image"})

    assert ask("POST", "/v2/tags/unknown/resources", body).status_code == 404
    assert ask("POST", "/v2/tags/nightly/resources", body).status_code == 404
    assert snapshot.tags == []


def test_a_tag_has_one_spelling(ask, sim, snapshot, web):
    """The first spelling is returned; another one in a path is a 404."""
    sim.state.tags.add("Nightly")
    body = resources(image=snapshot, droplet=web)

    made = ask("POST", "/v2/tags", {"name": "nightly"})

    assert (made.status_code, made.json()["tag"]["name"]) == (201, "Nightly")
    assert ask("POST", "/v2/tags/nightly/resources", body).status_code == 404
    assert ask("POST", "/v2/tags/Nightly/resources", body).status_code == 204
    assert ask("GET", f"/v2/images/{snapshot.id}").json()["image"]["tags"] == ["Nightly"]
    assert sim.state.add_droplet("new", tags=["NIGHTLY"]).tags == ["Nightly"]
    for path in ("/v2/images?tag_name=nightly", "/v2/droplets?tag_name=nightly"):
        assert ask("GET", path).json()["meta"]["total"] in (1, 2)


def test_the_filter_can_be_case_sensitive(ask, sim):
    """A switch makes ``tag_name`` case-sensitive."""
    sim.state.add_droplet("new", tags=["Nightly"])
    sim.state.rules = replace(sim.state.rules, tag_filter_any_case=False)

    totals = [
        ask("GET", f"/v2/droplets?tag_name={name}").json()["meta"]["total"]
        for name in ("nightly", "Nightly")
    ]

    assert totals == [0, 1]


@pytest.mark.parametrize("name", ["n\u00e4chtlich", "a b", "", "x" * 256, None, "nightly\n"])
def test_invalid_tag_names_are_rejected(ask, name):
    """Invalid names are rejected."""
    assert ask("POST", "/v2/tags", {"name": name}).status_code == 422
