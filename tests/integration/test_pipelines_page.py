"""What docs/pipelines.md says of scopes and requests is what the simulator sees."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_do_images.actions.policy import SnapshotName
from airflow_provider_do_images.api import PermissionDeniedError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.simulator import ManualClock
from devtools.nights import START
from devtools.pipeline import DAY, HOUR, POLICY, REGIONS, TAG, Pipeline, TaskFailedError

PAGE = (Path(__file__).parent.parent.parent / "docs" / "pipelines.md").read_text()
TOKEN = "dop_v1_0123456789abcdef"
LOOKS = re.compile(r"/v2/images/\d+/actions/\d+")
CLASSES = {
    "find": "DigitalOceanFindBackupOperator",
    "convert": "DigitalOceanConvertImageOperator",
    "replicate": "DigitalOceanReplicateImageOperator",
    "prune": "DigitalOceanPruneSnapshotsOperator",
    "audit": "DigitalOceanAuditCopiesOperator",
}
NEEDED = {
    "find": {"droplet:read", "image:read", "tag:read"},
    "convert": {"image:read", "image:update"},
    "replicate": {"image:read", "image:update"},
    "prune": {"droplet:read", "image:read", "tag:read", "image:delete"},
    "audit": {"droplet:read", "image:read", "tag:read"},
}


@pytest.fixture
def night(sim):
    """A pipeline for one droplet with a backup, and with ten older snapshots of the policy."""
    sim.reset(ManualClock(START))
    droplet = sim.state.add_droplet("web-1", tags=[TAG], backups="daily")
    for day in range(1, 11):
        name = SnapshotName(POLICY, droplet.id, datetime.fromtimestamp(START - day * DAY, UTC))
        sim.state.add_image(str(name), regions=["nyc3", *REGIONS], droplet_id=droplet.id)
    sim.state.add_backup(droplet, START - HOUR)

    def new_client():
        return ApiClient(TOKEN, sim.url, sleep=sim.clock.advance)

    return Pipeline(new_client, sim.clock.now, sim.clock.advance)


def steps(night):
    """Yield the steps of a night, each by its name as something to call once."""
    yield "find", lambda: night.rows(night.find())
    [row] = night.rows(night.find())
    yield "convert", lambda: night.convert(row)
    converted = night.convert(row)
    yield "replicate", lambda: night.replicate(converted)
    yield "prune", night.prune
    yield "audit", night.audit


def row_of(name):
    """Return the cells of a row of the page, of the last table that has it."""
    *_, line = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    return line.split(" | ")


@pytest.mark.parametrize("step", NEEDED)
def test_the_scopes_on_the_page_are_needed_and_enough(sim, night, step):
    """Each step works with just those, and with none of them missing."""
    cell = row_of(f"`{CLASSES[step]}`")[-1].partition("; better")[0].partition("; for tags")[0]
    assert set(re.findall(r"\w+:\w+", cell)) == NEEDED[step]
    for name, act in steps(night):
        if name == step:
            for scope in NEEDED[step]:
                sim.tokens.allow(TOKEN, NEEDED[step] - {scope})
                with pytest.raises((PermissionDeniedError, TaskFailedError), match=scope):
                    act()
            sim.tokens.allow(TOKEN, NEEDED[step])
            act()
            return
        act()


def test_the_requests_on_the_page_are_those_that_are_sent(sim, night):
    """For one droplet and two regions, at first and when all is done already."""

    def cost(act):
        sim.journal.clear()
        result = act()
        sent = [entry for entry in sim.journal.entries if not LOOKS.fullmatch(entry.path)]
        return len(sent), result

    found, [row] = cost(lambda: night.rows(night.find()))
    first, converted = cost(lambda: night.convert(row))
    again, _ = cost(lambda: night.convert(row))
    copied, copies = cost(lambda: night.replicate(converted))
    there, _ = cost(lambda: night.replicate(converted))
    pruned, deleted = cost(night.prune)
    audited, _ = cost(night.audit)

    assert row_of("find")[0].count("1 for") == found
    assert row_of("convert") == [f"{first} for each droplet, {again} where it is done already"]
    # Two for each copy: its POST and its proof.
    [cell] = row_of("replicate")
    assert cell.startswith(f"{copied - 2 * len(copies)} for each droplet and 1 for each missing")
    assert cell.endswith(f"1 proof for each copy; {there} where all is there")
    each = (pruned - found - 1) // len(deleted)
    assert row_of("prune") == [f"as find, 1 for the tags, {each} for each snapshot that is deleted"]
    assert audited == found + 1
