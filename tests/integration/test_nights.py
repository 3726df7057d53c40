"""The whole pipeline in one process: many runs in a row, and two concurrent runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from threading import Barrier, BrokenBarrierError

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_do_images.api import Image, TransportError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.jobs import submit as submit_job
from airflow_provider_do_images.core.results import ActionResult, Submission
from airflow_provider_do_images.core.snapshots import restore_points as choose
from airflow_provider_do_images.core.snapshots import retention
from airflow_provider_do_images.core.snapshots.inventory import PolicySnapshot
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.submit import submitter as submit
from airflow_provider_do_images.core.submit.decide import Decision
from airflow_provider_do_images.simulator import HeldRequest, ManualClock, Rules
from airflow_provider_do_images.simulator.faults import connections
from devtools.chaos import Chaos
from devtools.nightly_runs import START, NightlyRuns
from devtools.pipeline import DAY, HOUR, POLICY, REGIONS, TAG, Pipeline

FIXED_SEED = 7
TOKEN = "dop_v1_0123456789abcdef"


def first_violations(nights, seed):
    """Run the pipeline until a guarantee is broken; return the violations, each with the seed."""
    for found in nights.run():
        if found:
            return [f"{violation} (seed {seed})" for violation in found]
    return []


@pytest.mark.parametrize("tells_region", [True, False])
def test_after_each_of_thirty_runs_the_account_has_what_the_policy_retains(sim, seed, tells_region):
    """The retained snapshots have their names and regions; no other backup is converted."""
    nights = NightlyRuns(sim, seed, transfers_show_region=tells_region)

    assert first_violations(nights, seed) == []

    # What was survived has really happened.
    assert nights.chaos.faults.total() > 50
    assert nights.chaos.kills.total() > 10
    assert sum(image.type == "snapshot" for image in sim.state.deleted_images.values()) > 30


class HoldsEachPost(Random):
    """Draws one fault: a request that is held before it takes effect."""

    def random(self):
        """Return a number that draws a fault, but not a kill."""
        return 0.12

    def choice(self, _):
        """Return the fault."""
        return lambda _: HeldRequest(before_processing=True)


def test_a_released_request_takes_effect_before_the_next_try(monkeypatch, sim):
    """This holds for a slow simulator, so that a busy machine makes no duplicate."""
    monkeypatch.setattr(connections, "RELEASE_POLL_SECONDS", 0.3)
    image = sim.state.add_image("web")
    before = set(sim.state.actions)
    chaos = Chaos(sim, HoldsEachPost())
    with ApiClient(TOKEN, sim.url, read_timeout=0.1) as client:
        client._session.mount("http://", chaos)
        with pytest.raises(TransportError):
            client.transfer_image(image.id, "ams3")
    begun = sim.state.actions.keys() - before

    chaos.release()

    assert (len(begun), len(sim.state.actions.keys() - before)) == (0, 1)


def without_claim(monkeypatch):
    """Convert, but do not rename."""
    monkeypatch.setattr(submit_job, "rename_before_convert", lambda *_: None)
    monkeypatch.setattr(submit_job, "apply_claim", lambda *_, **__: Image(1, "x", "snapshot"))


def without_memory(monkeypatch):
    """List backups alone, not the snapshots that were made from them."""
    monkeypatch.setattr(choose, "_snapshots", lambda *_: ())


def without_join(monkeypatch):
    """Read the actions, but attach to none."""
    decide = submit.decide

    def no_join(*arguments):
        found = decide(*arguments)
        joins = isinstance(found, ActionResult) and found.submission is Submission.ATTACHED
        return Decision.SUBMIT if joins else found

    monkeypatch.setattr(submit, "decide", no_join)


def without_policy(monkeypatch):
    """Accept a name of any policy as one of this policy."""

    def of_anybody(images, policy):
        groups = defaultdict(list)
        for image in images:
            if name := SnapshotName.parse(image.name):
                groups[name.droplet_id].append(PolicySnapshot(image, name))
        for group in groups.values():
            group.sort(key=lambda one: one.name.taken_at, reverse=True)
        return groups

    monkeypatch.setattr(retention, "snapshots_by_droplet", of_anybody)


@pytest.mark.parametrize(
    ("take_out", "kind"),
    [
        (without_claim, "unclaimed"),
        (without_memory, "selected"),
        (without_join, "duplicate"),
        (without_policy, "foreign"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_without_one_safeguard_the_runs_fail(monkeypatch, sim, take_out, kind):
    """Each mutation is detected."""
    take_out(monkeypatch)

    found = first_violations(NightlyRuns(sim, FIXED_SEED), FIXED_SEED)

    assert any(f": {kind}: " in violation for violation in found)


class InStep(HTTPAdapter):
    """Lets nobody send what changes something before the other run is about to do the same.

    :param barriers: shared by both, by what is sent.
    """

    def __init__(self, barriers):
        super().__init__()
        self.barriers = barriers

    def send(self, request, *args, **kwargs):
        """Wait for the other, but not for ever: it may have nothing to send."""
        if request.method != "GET":
            with suppress(BrokenBarrierError):
                self.barriers[request.method, request.path_url, request.body].wait(0.5)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def begin(sim):
    """Reset the account: two droplets with a backup and ten older snapshots each."""

    def make(rules):
        sim.reset(ManualClock(START))
        sim.state.rules = rules
        droplets = [sim.state.add_droplet(f"web-{number}", tags=[TAG]) for number in range(2)]
        for droplet in droplets:
            for day in range(1, 11):
                taken_at = datetime.fromtimestamp(START - day * DAY, UTC)
                name = str(SnapshotName(POLICY, droplet.id, taken_at))
                sim.state.add_image(name, regions=["nyc3", *REGIONS], droplet_id=droplet.id)
            sim.state.add_backup(droplet, START - 2 * DAY - HOUR)
            sim.state.add_backup(droplet, START - HOUR)
        sim.journal.clear()
        return droplets

    return make


@pytest.fixture
def run_pipeline(sim):
    """Run the pipeline once; return the rows of its copies. Sleeps advance the clock."""

    def run(adapter=None):
        def new_client():
            client = ApiClient(TOKEN, sim.url, sleep=sim.clock.advance)
            if adapter:
                client._session.mount("http://", adapter)
            return client

        one = Pipeline(new_client, sim.clock.now, sim.clock.advance)
        rows = [one.replicate(one.convert(row)) for row in one.rows(one.find())]
        one.prune()
        return [row for copies in rows for row in copies]

    return run


def images_of(sim):
    """Return name, type and regions of the account's own images."""
    sim.state.process_due_events()
    images = (image for image in sim.state.images.values() if not image.public)
    return sorted((i.id, i.name, i.type, *sorted(i.regions)) for i in images)


@pytest.mark.parametrize("in_step", [True, False], ids=["in step", "as it comes"])
@pytest.mark.parametrize(
    "rules", [Rules(), Rules(rename_backup=False, convert_seconds=60)], ids=["usual", "slow"]
)
def test_two_concurrent_runs_leave_what_one_run_leaves(sim, begin, run_pipeline, rules, in_step):
    """There is at most one extra action for each backup, and both runs report real outcomes."""
    begin(rules)
    run_pipeline()
    alone = images_of(sim)
    droplets = begin(rules)
    barriers = defaultdict(lambda: Barrier(2))
    adapters = [InStep(barriers) for _ in range(2)] if in_step else [None, None]

    with ThreadPoolExecutor(2) as threads:
        runs = list(threads.map(run_pipeline, adapters))

    assert images_of(sim) == alone
    chosen = {row.image_id for row in runs[0]}
    assert len(chosen) == len(droplets)
    actions = sim.state.actions
    for rows in runs:
        assert {row.image_id for row in rows} == chosen
        assert all(row.wait_status == actions[row.action.id].status == "completed" for row in rows)
    begun = Counter(
        (action.resource_id, action.region if action.type == "transfer" else "convert")
        for action in actions.values()
    )
    most = {"convert": 1 if rules.convert_seconds == 0 else 2, "ams3": 2, "sgp1": 2}
    for image_id in chosen:
        assert all(1 <= begun[image_id, what] <= number for what, number in most.items())
