"""Renaming images over HTTP, and what becomes of the name."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_do_images.simulator import ManualClock, Rules, Simulator


def renamed(sim, image_id, name="ours"):
    """Rename an image; return the status and the name that it has then."""
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
def test_a_backup_may_be_renamed_and_convert_may_keep_the_name(switches, backup, snapshot):
    """Nobody knows what the real API does: both are switches."""
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
    """And an empty name is none."""
    base = next(image for image in sim.state.images.values() if image.public)
    own = sim.state.add_image("a-snapshot")

    assert renamed(sim, base.id) == (403, base.name)
    assert renamed(sim, own.id, "") == (422, "a-snapshot")
