"""The same faults, met by this provider and by DigitalOcean's own client in a plain task."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError, HttpResponseError
from pydo import Client

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.submit.decide import ActionRequest
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.simulator import (
    ConnectionReset,
    ErrorStatus,
    HtmlResponse,
    InvalidJson,
    ManualClock,
    RequestLost,
    ResponseLost,
    Simulator,
)

PAGE = Path(__file__).parent.parent.parent / "docs" / "guarantees.md"
FAULTS = {
    "no fault": None,
    "response lost after the POST took effect": ResponseLost(method="POST"),
    "connection reset after the POST took effect": ConnectionReset(
        method="POST", after_processing=True
    ),
    "status 500 after the POST took effect": ErrorStatus(500, method="POST", after_processing=True),
    "status 504 after the POST took effect": ErrorStatus(504, method="POST", after_processing=True),
    "status 200 with an HTML page": HtmlResponse(method="POST"),
    "incomplete JSON": InvalidJson(method="POST"),
    "request lost before the POST took effect": RequestLost(method="POST"),
}


@pytest.fixture(scope="module")
def simulator():
    """A simulator whose clock is moved by hand."""
    with Simulator(clock=ManualClock()) as running:
        yield running


def with_this_provider(simulator, image_id):
    """Submit as the transfer operator does."""
    clock = simulator.clock
    with ApiClient("token", simulator.url, sleep=clock.advance) as client:
        request = ActionRequest(image_id, "ams3")
        IdempotentSubmitter(client, request, clock=clock.now, sleep=clock.advance).submit()


def with_pydo(simulator, image_id):
    """Submit with DigitalOcean's own client, as it is."""
    client = Client(token="token", endpoint=simulator.url)
    body = {"type": "transfer", "region": "ams3"}
    answer = client.image_actions.post(image_id=image_id, body=body, enforce_https=False)
    if "action" not in answer:
        raise HttpResponseError(str(answer))


def transfers_after(simulator, fault, submit):
    """Run a task that submits, once more if it failed, as Airflow does; count what began."""
    simulator.reset()
    image = simulator.state.add_image("a-snapshot")
    if fault:
        simulator.faults.add(fault)
    for _ in range(2):
        try:
            submit(simulator, image.id)
        except (AzureError, DigitalOceanError, ValueError):
            continue
        break
    return len([a for a in simulator.state.actions.values() if a.resource_id == image.id])


@pytest.mark.parametrize("name", FAULTS)
def test_transfers_that_one_wanted_transfer_begins(simulator, name):
    """This provider begins one, whatever the fault; the page shows what both really begin."""
    ours = transfers_after(simulator, FAULTS[name], with_this_provider)
    theirs = transfers_after(simulator, FAULTS[name], with_pydo)

    assert ours == 1
    assert f"| {name} | {ours} | {theirs} |" in PAGE.read_text()


def test_the_plain_client_begins_two_after_a_lost_answer(simulator):
    """The fault is real: without a look, the retry doubles the transfer."""
    assert transfers_after(simulator, ResponseLost(method="POST"), with_pydo) == 2


def test_the_page_shows_every_fault_of_the_table():
    """No row of the page is older than this test."""
    rows = re.findall(r"^\| (.+?) \| \d+ \| \d+ \|$", PAGE.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(FAULTS)
