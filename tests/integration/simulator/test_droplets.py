"""Droplets, their backups and their snapshots over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_provider_do_images.simulator import ManualClock

DAY = 24 * 3600


def test_droplets_are_listed_by_tag_and_by_name(ask, sim):
    """The name filter ignores case; the feature ``backups`` depends on the plan."""
    bare = sim.state.add_droplet("Bare-01", tags=["prod"])

    def ids(query):
        return [row["id"] for row in ask("GET", f"/v2/droplets{query}").json()["droplets"]]

    assert ids("?name=bare-01") == [bare.id]
    assert len(ids("?tag_name=prod")) == 4
    assert ids("?tag_name=nobody-has-it") == ids("?name=bare") == []
    features = {
        row["name"]: "backups" in row["features"]
        for row in ask("GET", "/v2/droplets?tag_name=prod").json()["droplets"]
    }
    assert features == {"web-01": True, "web-02": True, "db-01": True, "Bare-01": False}


def test_droplets_with_gpus_are_listed_separately(ask, sim):
    """Only ``type=gpus`` lists them, but each can be read by id."""
    gpu = sim.state.add_droplet("train-01", tags=["prod"], size_slug="gpu-h100x1-80gb")

    def names(query):
        answer = ask("GET", f"/v2/droplets{query}").json()
        return [row["name"] for row in answer["droplets"]], answer["meta"]["total"]

    assert names("?type=gpus") == (["train-01"], 1)
    for query in ("", "?type=droplets", "?tag_name=prod"):
        assert names(query)[1] == 3
    assert names("?name=train-01") == ([], 0)
    assert ask("GET", f"/v2/droplets/{gpu.id}").status_code == 200
    assert ask("GET", "/v2/tags/prod").json()["tag"]["resources"]["droplets"]["count"] == 4
    assert ask("GET", "/v2/droplets?type=gpus&tag_name=prod").status_code == 422


def test_backups_are_created_and_expire(ask, sim):
    """Seven daily or four weekly backups exist at any time."""
    sim.reset(ManualClock(1_790_000_000.0))  # the window of a backup is four hours wide
    sim.clock.advance(90 * DAY)
    droplets = ask("GET", "/v2/droplets").json()["droplets"]

    counts = {
        droplet["name"]: ask("GET", f"/v2/droplets/{droplet['id']}/backups").json()["meta"]["total"]
        for droplet in droplets
    }

    assert counts == {"web-01": 4, "web-02": 4, "db-01": 7}


def test_backups_of_a_destroyed_droplet_remain_until_they_expire(ask, sim):
    """The backups expire 28 days after their creation."""
    droplet = ask("GET", "/v2/droplets").json()["droplets"][0]
    [newest] = droplet["backup_ids"][-1:]

    assert ask("DELETE", f"/v2/droplets/{droplet['id']}").status_code == 204

    assert ask("GET", f"/v2/images/{newest}").status_code == 200
    sim.clock.advance(29 * DAY)
    assert ask("GET", f"/v2/images/{newest}").status_code == 404


def test_disabling_backups_deletes_them(ask, sim):
    """The backups are deleted at once, as documented."""
    droplet = ask("GET", "/v2/droplets").json()["droplets"][0]
    path = f"/v2/droplets/{droplet['id']}"

    assert ask("POST", f"{path}/actions", {"type": "disable_backups"}).status_code == 201

    assert ask("GET", f"{path}/backups").json()["backups"] == []
    assert ask("GET", path).json()["droplet"]["next_backup_window"] is None


@pytest.mark.parametrize(
    ("policy", "days"), [({"plan": "daily"}, 1), ({"plan": "weekly"}, 7), (None, 1)], ids=str
)
def test_backups_are_enabled_with_a_plan(ask, sim, policy, days):
    """The next window is within a day or a week; the default plan is daily."""
    droplet = sim.state.add_droplet("bare-01")
    path = f"/v2/droplets/{droplet.id}"
    body = {"type": "enable_backups", "backup_policy": policy}

    assert ask("POST", f"{path}/actions", body).status_code == 201
    sim.clock.advance(60 * DAY)

    first, second = ask("GET", f"{path}/backups").json()["backups"][:2]
    apart = datetime.fromisoformat(second["created_at"]) - datetime.fromisoformat(
        first["created_at"]
    )
    assert round(apart / timedelta(days=1)) == days
    assert "backups" in ask("GET", path).json()["droplet"]["features"]


@pytest.mark.parametrize("type_", [None, "explode", ["snapshot"], {}], ids=str)
def test_an_unknown_droplet_action_is_404(ask, sim, type_):
    """Any unknown type is a 404, as for images."""
    droplet_id = next(iter(sim.state.droplets))

    answer = ask("POST", f"/v2/droplets/{droplet_id}/actions", {"type": type_})

    assert answer.status_code == 404
    assert answer.json()["message"] == "The specified action type is not available."


def test_a_droplets_snapshot_appears_when_it_is_completed(ask, sim):
    """The action locks the droplet; the image has the start of the action as its time."""
    droplet = ask("GET", "/v2/droplets").json()["droplets"][0]
    path = f"/v2/droplets/{droplet['id']}"
    body = {"type": "snapshot", "name": "by-hand"}

    action = ask("POST", f"{path}/actions", body).json()["action"]

    refused = ask("POST", f"{path}/actions", body)
    assert refused.status_code == 422
    assert refused.json()["message"] == "Droplet already has a pending event."
    assert ask("GET", path).json()["droplet"]["locked"]
    sim.clock.advance(3600)
    newest = ask("GET", f"{path}/snapshots").json()["snapshots"][-1]
    assert (newest["name"], newest["created_at"]) == ("by-hand", action["started_at"])
    assert not ask("GET", path).json()["droplet"]["locked"]
