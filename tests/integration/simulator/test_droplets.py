"""Droplets over HTTP: their backups, which come and go with time, and their snapshots."""

from __future__ import annotations

DAY = 24 * 3600


def test_backups_are_made_and_purged_on_the_clock(ask, sim):
    """Seven daily backups and four weekly ones, however long the clock runs."""
    sim.clock.advance(90 * DAY)
    droplets = ask("GET", "/v2/droplets").json()["droplets"]

    counts = {
        droplet["name"]: ask("GET", f"/v2/droplets/{droplet['id']}/backups").json()["meta"]["total"]
        for droplet in droplets
    }

    assert counts == {"web-01": 4, "web-02": 4, "db-01": 7}


def test_a_destroyed_droplets_backups_stay_until_they_expire(ask, sim):
    """Four weeks later they are gone, too."""
    droplet = ask("GET", "/v2/droplets").json()["droplets"][0]
    [newest] = droplet["backup_ids"][-1:]

    assert ask("DELETE", f"/v2/droplets/{droplet['id']}").status_code == 204

    assert ask("GET", f"/v2/images/{newest}").status_code == 200
    sim.clock.advance(29 * DAY)
    assert ask("GET", f"/v2/images/{newest}").status_code == 404


def test_disabling_backups_deletes_them(ask, sim):
    """At once, as the documentation warns."""
    droplet = ask("GET", "/v2/droplets").json()["droplets"][0]
    path = f"/v2/droplets/{droplet['id']}"

    assert ask("POST", f"{path}/actions", {"type": "disable_backups"}).status_code == 201

    assert ask("GET", f"{path}/backups").json()["backups"] == []
    assert ask("GET", path).json()["droplet"]["next_backup_window"] is None


def test_a_droplets_snapshot_appears_when_it_is_completed(ask, sim):
    """Meanwhile the droplet is locked; the image is dated when the action started."""
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
