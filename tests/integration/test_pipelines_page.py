"""What docs/pipelines.md says of requests is what the simulator sees."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_do_images.actions.policy import SnapshotName
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.simulator import ManualClock
from devtools.nights import START
from devtools.pipeline import DAY, HOUR, POLICY, REGIONS, TAG, Pipeline

PAGE = (Path(__file__).parent.parent.parent / "docs" / "pipelines.md").read_text()
TOKEN = "dop_v1_0123456789abcdef"
LOOKS = re.compile(r"/v2/images/\d+/actions/\d+")


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


def row_of(name):
    """Return the cells of a row of the page, of the last table that has it."""
    *_, line = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    return line.split(" | ")


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
    # One for the tags, and one page of images to verify that all are gone.
    each, rest = divmod(pruned - found - 2, len(deleted))
    assert (rest, row_of("prune")[0].count(f"{each} for each snapshot")) == (0, 1)
    assert audited == found + 1
