"""Rename images over HTTP."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_do_images.simulator import ManualClock, Rules, Simulator


def renamed(sim, image_id, name="ours"):
    """Rename an image; return the status and the new name."""
    url, headers = f"{sim.url}/v2/images/{image_id}", {"Authorization": "Bearer x"}
    answer = requests.put(url, json={"name": name}, headers=headers, timeout=30)
    return answer.status_code, sim.state.images[image_id].name


@pytest.mark.parametrize(
    ("switches", "backup", "snapshot"),
    [
        ({}, (200, "ours"), "ours"),
        ({"rename_backup": False}, (422, "theirs"), "theirs"),
        ({"convert_keeps_name": False}, (200, "ours"), "theirs"),
    ],
    ids=str,
)
def test_backups_can_be_renamed(switches, backup, snapshot):
    """Two switches control renames of backups, since the real behavior is unknown."""
    with Simulator(clock=ManualClock(), rules=Rules(**switches)) as sim:
        image = sim.state.add_image("theirs", type="backup")

        assert renamed(sim, image.id) == backup
        requests.post(
            f"{sim.url}/v2/images/{image.id}/actions",
            json={"type": "convert"},
            headers={"Authorization": "Bearer x"},
            timeout=30,
        )

        assert (image.type, image.name) == ("snapshot", snapshot)
        assert renamed(sim, image.id, "later") == (200, "later")


def test_a_public_image_can_not_be_renamed(sim):
    """Public images and empty names are rejected."""
    base = next(image for image in sim.state.images.values() if image.public)
    own = sim.state.add_image("a-snapshot")

    assert renamed(sim, base.id) == (403, base.name)
    assert renamed(sim, own.id, "") == (422, "a-snapshot")
