"""A simulator whose clock is moved by hand, and a client without any cleverness."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_do_images.simulator import ManualClock, Simulator


@pytest.fixture(scope="session")
def _manual_simulator():
    with Simulator(clock=ManualClock()) as running:
        yield running


@pytest.fixture
def sim(_manual_simulator):
    """The simulator with a fresh account."""
    _manual_simulator.reset()
    return _manual_simulator


@pytest.fixture
def ask(sim):
    """Send one request; half a second without a byte is a time-out."""

    def send(method, path, body=None, token="dop_v1_any", timeout=0.5):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(
            method, f"{sim.url}{path}", json=body, headers=headers, timeout=timeout
        )

    return send


@pytest.fixture
def snapshot(sim):
    """A snapshot in nyc3."""
    return sim.state.add_image("a-snapshot")


@pytest.fixture
def backup(sim):
    """A backup in nyc3."""
    return sim.state.add_image("a-backup", type="backup")
