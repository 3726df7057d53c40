"""The audit against the simulator: its requests, and its findings after real transfers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.core.snapshots.audit import AuditLimits, audit_copies
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.simulator import MissingRows

HOUR = 3600.0
LIMITS = AuditLimits(max_data_age=50 * HOUR, max_copy_age=26 * HOUR)
REGIONS = ["nyc3", "ams3"]
NIGHTLY = DropletSelector(tag="nightly")


@pytest.fixture
def droplets(sim):
    """Two droplets with a tag."""
    return [sim.state.add_droplet(name, tags=["nightly"]) for name in ("web-08", "web-09")]


@pytest.fixture
def converted(sim, client, droplets):
    """A snapshot of the first droplet, converted now, of a backup that is a day old."""
    moment = sim.clock.now() - 24 * HOUR
    backup = sim.state.add_backup(droplets[0], moment)
    name = SnapshotName("prod", droplets[0].id, datetime.fromtimestamp(moment, UTC))
    client.rename_image(backup.id, str(name))
    client.convert_image(backup.id)
    return backup


@pytest.fixture
def run_audit(sim, client):
    """Return a function that audits the account, by the simulator's clock."""

    def audit_now(selection=NIGHTLY):
        now = datetime.fromtimestamp(sim.clock.now(), UTC)
        return audit_copies(client, "prod", selection, REGIONS, LIMITS, now=now)

    return audit_now


def test_it_sends_gets_alone_and_few(sim, run_audit, converted):
    """Two lists of droplets, one of images, and one history for each newest snapshot."""
    sim.journal.clear()

    findings = run_audit()

    assert len(findings) == 4
    assert [(entry.method, entry.path) for entry in sim.journal.entries] == [
        ("GET", "/v2/droplets"),
        ("GET", "/v2/droplets"),
        ("GET", "/v2/images"),
        ("GET", f"/v2/images/{converted.id}/actions"),
    ]


def test_the_copy_counts_from_its_transfer(sim, client, run_audit, converted):
    """Missing at first; then there, with the ages of data and copy apart; then too old."""
    at_home, abroad, *others = run_audit()
    assert at_home.problem is None
    assert 0 <= at_home.copy_age < 1  # the API writes whole seconds
    assert abroad.problem == "no policy snapshot"
    assert {one.location.droplet.name for one in others if one.problem} == {"web-09"}

    action = client.transfer_image(converted.id, "ams3")
    sim.clock.advance(2 * HOUR)
    _, abroad, *_ = run_audit()
    completed = sim.state.actions[action.id].completed_at
    assert abroad.problem is None
    assert abroad.copied_at.timestamp() == completed
    assert abroad.data_age > 26 * HOUR > abroad.copy_age > 0

    sim.clock.advance(26 * HOUR)
    _, abroad, *_ = run_audit()
    assert abroad.problem
    assert abroad.data_age > 52 * HOUR > abroad.copy_age > 26 * HOUR


def test_snapshots_of_deleted_droplets_are_not_audited(client, run_audit, droplets, converted):
    """The other droplets are."""
    client.send("DELETE", f"/v2/droplets/{droplets[0].id}", "droplet:delete")

    assert {one.location.droplet.name for one in run_audit()} == {"web-09"}


@pytest.mark.parametrize(
    "selection", [DropletSelector(tag="nobody"), DropletSelector(name="web-8")]
)
def test_a_selection_of_nothing_is_an_error(run_audit, selection):
    """An audit of no droplets would be well for ever."""
    with pytest.raises(InvalidInputError):
        run_audit(selection)


def test_a_list_with_gaps_is_read_again(sim, run_audit, converted):
    """A row that is missing once is no alarm."""
    sim.faults.add(MissingRows(path="/v2/images", rows=100))

    assert run_audit()[0].problem is None
    assert sim.journal.count("GET", "/v2/images") == 2
