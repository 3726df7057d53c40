"""Mapped transfers of one image, request by request in a random order, under faults and kills."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from random import Random

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.results import Submission, WaitStatus
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait.flow import drive, drive_all, wait_until_finished
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.simulator import (
    ActionErrors,
    ErrorStatus,
    ManualClock,
    RequestLost,
    ResponseLost,
    Rules,
    Simulator,
)
from devtools.chaos import Killed

REGIONS = ("ams3", "fra1", "sgp1")
FAULTS = (
    ResponseLost,
    RequestLost,
    lambda: ErrorStatus(503),
    lambda: ErrorStatus(524, after_processing=True),
    lambda: ErrorStatus(408, after_processing=True),
    lambda: ActionErrors(seconds=30),
)
TRIES = 40


class Turns:
    """Lets one thread run at a time, and draws the next at each request and each pause."""

    def __init__(self, random, names):
        self.random, self.waiting = random, list(names)
        self.current = random.choice(self.waiting)
        self.changed = threading.Condition()

    def wait_for(self, name):
        """Wait until it is this thread's turn."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.current == name, 60)

    def give(self, name, *, for_good=False):
        """Draw whose turn it is, and wait until it is this thread's again."""
        with self.changed:
            if for_good:
                self.waiting.remove(name)
            self.current = self.random.choice(self.waiting) if self.waiting else None
            self.changed.notify_all()
        if not for_good:
            self.wait_for(name)


class Sibling(HTTPAdapter):
    """One mapped task: it submits, waits, and is tried again until its copy is there."""

    def __init__(self, simulator, turns, random, image, region):
        super().__init__()
        self.simulator, self.turns, self.random = simulator, turns, random
        self.image, self.region = image, region
        self.tries = 0
        self.verdict = None

    def send(self, request, *args, **kwargs):
        """Send a request when it is this task's turn; a POST often meets a fault."""
        self.turns.give(self.region)
        if request.method == "POST" and self.random.random() < 0.6:
            self.simulator.faults.add(self.random.choice(FAULTS)())
        response = super().send(request, *args, **kwargs)
        if request.method == "POST" and self.random.random() < 0.2:
            raise Killed
        return response

    def sleep(self, seconds):
        """Let virtual time pass, for all."""
        self.simulator.clock.advance(seconds)
        self.turns.give(self.region)

    def live(self):
        """Run to the end."""
        self.turns.wait_for(self.region)
        while self.verdict != WaitStatus.COMPLETED and self.tries < TRIES:
            self.tries += 1
            with suppress(Killed, DigitalOceanError):
                self.verdict = self.try_once()
        self.turns.give(self.region, for_good=True)

    def try_once(self):
        """Submit and wait as an operator does; return how it ended."""
        clock, url = self.simulator.clock.now, self.simulator.url
        with ApiClient("token", url, read_timeout=5, sleep=self.sleep) as client:
            client._session.mount("http://", self)
            submitter = IdempotentSubmitter(
                client, ActionRequest(self.image.id, self.region), clock=clock, sleep=self.sleep
            )
            while isinstance(found := submitter.submit(), Blocked):
                waits = found.waits(clock(), clock() + 7200)
                flows = [wait_until_finished(w, poll_interval=60, clock=clock) for w in waits]
                drive_all(flows, lambda ask: ask.send(client), self.sleep, clock)
            if found.submission is Submission.ALREADY_EXISTS:
                return WaitStatus.COMPLETED
            wait = WaitSpec(self.image.id, found.action.id, clock(), clock() + 7200, self.region)
            flow = wait_until_finished(wait, poll_interval=60, clock=clock)
            return drive(flow, lambda ask: ask.send(client), self.sleep).status


@pytest.fixture(scope="module")
def simulator():
    """A simulator whose clock is moved by hand."""
    with Simulator(clock=ManualClock()) as running:
        yield running


@pytest.mark.parametrize("tells_region", [True, False])
@pytest.mark.parametrize("seed", range(15))
def test_each_sibling_makes_its_copy_once(simulator, seed, tells_region):
    """Whatever they meet, there is one transfer to each region that did not error."""
    simulator.reset(ManualClock(1_790_000_000.0))
    simulator.state.rules = Rules(transfers_show_region=tells_region)
    random = Random(seed)
    image = simulator.state.add_image("a-snapshot")
    turns = Turns(random, REGIONS)
    siblings = [Sibling(simulator, turns, random, image, region) for region in REGIONS]
    threads = [threading.Thread(target=one.live, daemon=True) for one in siblings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    actions = [a for a in simulator.state.actions.values() if a.resource_id == image.id]
    made = Counter(a.region for a in actions if a.status != "errored")
    assert [one.verdict for one in siblings] == [WaitStatus.COMPLETED] * 3
    assert set(image.regions) == {"nyc3", *REGIONS}
    assert made == dict.fromkeys(REGIONS, 1)
