"""A simulator with a clock that stands still, and a client for it that does not sleep."""

from __future__ import annotations

import asyncio
import json
import time
from inspect import signature
from types import FunctionType, SimpleNamespace

import pytest

from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.poller import poller as watch
from airflow_provider_do_images.core.poller.poller import subscribe
from airflow_provider_do_images.core.wait import flow as waiting
from airflow_provider_do_images.core.wait.flow import drive_async, wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.simulator import ManualClock, Simulator
from devtools import airflow_compat
from devtools.virtual_time import SharedClock, VirtualLoop

TOKEN = "dop_v1_0123456789abcdef"
CLOCKED = [
    function
    for function in [*vars(waiting).values(), *vars(watch).values(), WaitProgressLog.__init__]
    if isinstance(function, FunctionType) and "clock" in signature(function).parameters
]
"""What asks the real time, unless it is given a clock."""

airflow_compat.apply_compat_patches()


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
    """The sleeps of the client, in seconds."""
    return []


@pytest.fixture
def client(sim, slept):
    """A client whose sleeps take no time."""
    with ApiClient(TOKEN, sim.url, sleep=slept.append) as client:
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


@pytest.fixture
def xcoms():
    """What tasks pushed, by key."""
    return {}


@pytest.fixture
def task_context(xcoms):
    """The part of a task's context that operators use."""
    push = lambda key, value, **_: xcoms.update({key: value})  # noqa: E731 - one line says it
    return {"ti": SimpleNamespace(xcom_push=push)}


@pytest.fixture
def fail():
    """Run an operator that fails, and return the exception.

    A second argument is called between the submit and the wait.
    """
    from airflow_provider_do_images.version_compat import (  # noqa: PLC0415 - it imports Airflow
        AirflowException,
    )

    def execute(operator, *meanwhile):
        events = list(meanwhile)
        ti = SimpleNamespace(xcom_push=lambda **_: events and events.pop()())
        with pytest.raises(AirflowException) as caught:
            operator.execute({"ti": ti})
        return caught.value

    return execute


@pytest.fixture
def transfers(sim):
    """Start transfers of so many new images to so many regions; the test ends them."""

    def begin(images, regions=1, *, at=sim):
        slugs = [slug for slug in at.state.regions if slug != "nyc3"][:regions]
        return [
            at.state.begin_action("transfer", image, region=slug, seconds=3600)
            for image in [at.state.add_image("a-snapshot") for _ in range(images)]
            for slug in slugs
        ]

    return begin


@pytest.fixture
def finish(sim):
    """Let actions complete after half a second."""

    async def later(*actions, at=sim, seconds=0.5):
        await asyncio.sleep(seconds)
        for action in actions:
            at.state.finish_action(action.id)

    return later


@pytest.fixture
def run(monkeypatch):
    """Run a coroutine in virtual time, so that a slow machine changes nothing."""
    clock = SharedClock()
    monkeypatch.setattr(time, "time", clock.now)
    for function in CLOCKED:  # they took hold of the real time when they were loaded
        if "clock" in (function.__kwdefaults__ or {}):
            monkeypatch.setitem(function.__kwdefaults__, "clock", clock.now)
        else:
            monkeypatch.setattr(function, "__defaults__", (*function.__defaults__[:-1], clock.now))

    def run(coroutine):
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
            return runner.run(coroutine)

    return run


@pytest.fixture
def wait_for(sim):
    """Wait for an action in the shared poller, as a trigger does, and return the result."""

    async def wait(
        action,
        *,
        at=sim,
        token=TOKEN,
        interval=0.2,
        seconds=8.0,
        first_look_in=None,
        running_for=0.0,
        reserve=0.5,
        conn_id="digitalocean_default",
        metrics=None,
        read_timeout=30.0,
    ):
        client = ApiClient(token, at.url, read_timeout=read_timeout, reserve=reserve)
        begun, deadline = time.time() - running_for, time.time() + seconds
        first_poll_at = None if first_look_in is None else time.time() + first_look_in
        wait = WaitSpec(action.resource_id, action.id, begun, deadline, action.region, 5.0)
        progress = WaitProgressLog([wait], interval)
        subscription = subscribe(
            client,
            conn_id,
            interval=interval,
            deadline=deadline,
            metrics=metrics,
            progress=progress,
        )
        flow = wait_until_finished(wait, poll_interval=interval, first_poll_at=first_poll_at)
        try:
            return await drive_async(progress.follow(flow, wait), subscription.read)
        finally:
            subscription.unsubscribe()

    return wait
