"""Invariants of random sequences of requests and clock advances."""

from __future__ import annotations

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_do_images.simulator import (
    ActionErrors,
    ActionStuck,
    ManualClock,
    RegionsLag,
    Rules,
    Simulator,
)

HEADERS = {"Authorization": "Bearer dop_v1_any"}
REGIONS = st.sampled_from(["ams3", "sgp1", "nyc3", "ric1", "nowhere"])
PICK = st.integers(min_value=0, max_value=10_000)
TERMINAL = {"completed", "errored"}


class Account(RuleBasedStateMachine):
    """An account that is changed over HTTP and by its clock."""

    simulator: Simulator

    @initialize()
    def begin(self):
        """Restore the default account."""
        self.simulator.reset()
        self.session = requests.Session()
        self.session.headers.update(HEADERS)
        self.requests = 0
        self.regions = {}
        self.ended = {}
        self.deleted = set()

    def send(self, method, path, body=None):
        """Send a request and count it."""
        self.requests += 1
        return self.session.request(method, f"{self.simulator.url}{path}", json=body, timeout=30)

    def rows(self, path, key):
        """Return all rows of a list."""
        return self.send("GET", f"{path}per_page=200").json()[key]

    def image(self, pick):
        """Return an existing or deleted private image."""
        images = self.rows("/v2/images?private=true&", "images")
        return images[pick % len(images)]

    @rule(pick=PICK, region=REGIONS)
    def transfer(self, pick, region):
        """Transfer an image; the request may be rejected."""
        image = self.image(pick)
        body = {"type": "transfer", "region": region}
        answer = self.send("POST", f"/v2/images/{image['id']}/actions", body)
        allowed = image["type"] != "backup" and region not in {"nowhere", *image["regions"]}
        assert answer.status_code == (201 if allowed else 422)

    @rule(pick=PICK)
    def convert(self, pick):
        """Convert an image; only backups are accepted."""
        image = self.image(pick)
        answer = self.send("POST", f"/v2/images/{image['id']}/actions", {"type": "convert"})
        assert answer.status_code == (201 if image["type"] == "backup" else 422)

    @rule(pick=PICK)
    def delete(self, pick):
        """Delete an image; a backup remains, and a second deletion is rejected."""
        image = self.image(pick)
        path = f"/v2/images/{image['id']}"
        assert self.send("DELETE", path).status_code == 204
        if image["type"] != "backup":
            self.deleted.add(image["id"])
            assert self.send("DELETE", path).status_code == 422

    @rule(pick=PICK)
    def snapshot(self, pick):
        """Start a snapshot of a droplet, unless it is locked."""
        droplets = self.rows("/v2/droplets?", "droplets")
        droplet = droplets[pick % len(droplets)]
        body = {"type": "snapshot", "name": "by-hand"}
        answer = self.send("POST", f"/v2/droplets/{droplet['id']}/actions", body)
        assert answer.status_code == (422 if droplet["locked"] else 201)

    @rule(seconds=st.sampled_from([1, 60, 600, 4 * 3600, 24 * 3600, 8 * 24 * 3600]))
    def tick(self, seconds):
        """Advance the clock: actions end, backups are created and expire."""
        self.simulator.clock.advance(seconds)

    @rule(fault=st.sampled_from([ActionErrors, ActionStuck, RegionsLag]))
    def break_next(self, fault):
        """Inject a fault for the next action."""
        self.simulator.faults.add(fault())

    @invariant()
    def images_only_gain_regions(self):
        """No image loses a region, lists are oldest first, and deleted images are not listed."""
        images = self.rows("/v2/images?private=true&", "images")
        for image in images:
            before = self.regions.get(image["id"], set())
            assert before <= set(image["regions"])
            self.regions[image["id"]] = set(image["regions"])
        created = [image["created_at"] for image in images]
        assert created == sorted(created)
        assert not self.deleted & {image["id"] for image in images}
        for image_id in list(self.deleted)[:2]:
            assert self.send("GET", f"/v2/images/{image_id}").status_code == 404

    @invariant()
    def actions_end_once(self):
        """Ended actions do not change, and ids and times increase."""
        actions = self.rows("/v2/actions?", "actions")
        for action in actions:
            assert self.ended.get(action["id"], action) == action
            if action["status"] in TERMINAL:
                self.ended[action["id"]] = action
                assert action["completed_at"] >= action["started_at"]
            else:
                assert action["completed_at"] is None
        ids = [action["id"] for action in actions]
        assert ids == sorted(ids, reverse=True)
        started = [action["started_at"] for action in actions]
        assert started == sorted(started, reverse=True)

    @invariant()
    def every_request_is_in_the_journal(self):
        """The journal has one entry per request in order of time."""
        entries = self.simulator.journal.entries
        assert len(entries) == self.requests
        times = [entry.time for entry in entries]
        assert times == sorted(times)
        assert all(entry.status for entry in entries)


@pytest.fixture(scope="module")
def simulator():
    """A simulator without rate limits and with a manual clock."""
    with Simulator(clock=ManualClock(1_790_000_000), rules=Rules(rate_limits=False)) as running:
        yield running


def test_the_account_stays_consistent(simulator):
    """No sequence of requests and clock advances breaks the invariants."""
    Account.simulator = simulator
    run_state_machine_as_test(
        Account,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
