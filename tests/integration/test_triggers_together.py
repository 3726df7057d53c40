"""Several triggers in one event loop, each in the context that Airflow's triggerer gives it."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from structlog.contextvars import bind_contextvars, get_contextvars

from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.event import read_event
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.simulator import ErrorStatus, RateLimited
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger


@pytest.fixture
def logged():
    """The log so far, each message with the context by which Airflow finds its task."""
    rows = []

    class Keep(logging.Handler):
        def emit(self, record):
            rows.append((get_contextvars().get("trigger_id"), record.getMessage()))

    package = logging.getLogger("airflow_provider_do_images")
    handler = Keep()
    package.addHandler(handler)
    level, package.level = package.level, logging.INFO
    yield rows
    package.level = level
    package.removeHandler(handler)


@pytest.fixture
def run_together(run):
    """Run a trigger for each action in one loop, each in the context that Airflow gives it."""

    async def fire(action):
        bind_contextvars(trigger_id=action.id)
        now = time.time()
        trigger = DigitalOceanImageActionTrigger(
            waits=[
                WaitSpec(
                    action.resource_id, action.id, now, now + 60.0, action.region, 30.0
                ).to_json()
            ],
            first_poll_at=now + 0.1,
            poll_interval=0.2,
        )
        return [read_event(event.payload)[1][0] async for event in trigger.run()]

    def run_all(actions, meanwhile):
        async def all_of_them():
            tasks = [asyncio.create_task(fire(action)) for action in actions]
            await asyncio.sleep(0.7)
            meanwhile()
            return [verdict.status for [verdict] in await asyncio.gather(*tasks)]

        return run(all_of_them())

    return run_all


def test_each_task_has_its_own_log(sim, transfers, connection, run_together, logged):
    """Failed polls, a longer interval and a lagging verification are in the log of each wait."""
    actions = transfers(3)
    sim.faults.add(ErrorStatus(500))
    sim.faults.add(RateLimited(retry_after=1, skip=1))
    for path in ("/v2/images", *(f"/v2/images/{action.resource_id}" for action in actions)):
        sim.faults.add(ErrorStatus(500, path=path, times=None))

    ends = run_together(actions, lambda: [sim.state.finish_action(one.id) for one in actions])

    assert ends == [WaitStatus.UNVERIFIED] * 3
    ids = {action.id for action in actions}
    assert {of for of, _ in logged} == ids  # no line is logged without a task
    for mine in ids:
        told = [text for of, text in logged if of == mine]
        assert f"Polling action {mine} failed" in told[0]
        assert sum(text.startswith("Polling interval raised") for text in told) == 1
        lagging = f"Action {mine} is completed; verifying the image"
        assert sum(text.startswith(lagging) for text in told) == 1
        assert not [text for text in told if any(str(other) in text for other in ids - {mine})]


def test_a_rotated_token_is_read_once_for_all(
    sim, transfers, connection, run_together, monkeypatch
):
    """Waits that meet a revoked token together read the connection together, and continue."""
    actions = transfers(20)
    reads = []
    real = DigitalOceanHook.aget_connection.__func__

    async def counted(cls, conn_id):
        reads.append(conn_id)
        return await real(cls, conn_id)

    monkeypatch.setattr(DigitalOceanHook, "aget_connection", classmethod(counted))

    def rotate():
        sim.tokens.allow("new")
        connection(password="new")
        for action in actions:
            sim.state.finish_action(action.id)

    ends = run_together(actions, rotate)

    assert ends == [WaitStatus.COMPLETED] * 20
    assert len(reads) == 2
    assert sim.journal.count(status=401) <= 3
