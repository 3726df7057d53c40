"""A simulator with a clock that stands still, and a client for it that does not sleep."""

from __future__ import annotations

import json

import pytest

from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.simulator import ManualClock, Simulator

TOKEN = "dop_v1_0123456789abcdef"


@pytest.fixture(scope="session")
def _still_simulator():
    with Simulator(clock=ManualClock()) as running:
        yield running


@pytest.fixture
def sim(_still_simulator):
    """A simulated DigitalOcean with a fresh account; time passes only by ``sim.clock.advance``."""
    _still_simulator.reset(ManualClock())
    return _still_simulator


@pytest.fixture
def slept():
    """The pauses, in seconds, that the client wanted to make."""
    return []


@pytest.fixture
def client(sim, slept):
    """A client with a read time-out of half a second, whose pauses take no time."""
    with ApiClient(TOKEN, sim.url, read_timeout=0.5, sleep=slept.append) as client:
        yield client


@pytest.fixture
def snapshot(sim):
    """A snapshot in nyc3."""
    return sim.state.add_image("a-snapshot")


@pytest.fixture
def backup(sim):
    """A backup in nyc3."""
    return sim.state.add_image("a-backup", type="backup")


@pytest.fixture
def connection(sim, monkeypatch):
    """Set the connection ``digitalocean_default``; called again, change it."""

    def change(**values):
        fields = {"conn_type": "digitalocean", "host": sim.url, "password": TOKEN, **values}
        monkeypatch.setenv("AIRFLOW_CONN_DIGITALOCEAN_DEFAULT", json.dumps(fields))

    change()
    return change
