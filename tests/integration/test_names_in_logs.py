"""Names from the API in logs and failures: they never end a line or command a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.api import ImageAction, ServerError
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.exceptions import PermanentTaskError
from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator
from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from devtools.demo_view import copies_table

NAME = "web\nEVIL\r\x1b[2J\u2028[red]"
SHOWN = "web\\nEVIL\\r\\x1b[2J\\u2028[red]"
FOUND = {"droplet_id": 5, "droplet_name": NAME, "image_id": None, "type": None, "name": None}
ROW = {**FOUND, "policy": "prod", "taken_at": None, "skip_reason": "a\nb", "on_missing": "fail"}


@pytest.fixture
def droplets(sim):
    """One with snapshots, one with a backup, one with a backup that was converted by hand."""
    now = datetime.fromtimestamp(sim.clock.now(), UTC)
    kept, fresh, by_hand = (sim.state.add_droplet(NAME, tags=["shop"]) for _ in range(3))
    for days in (2, 3, 4, 5):
        moment = now - timedelta(days=days)
        sim.state.add_image(str(SnapshotName("prod", kept.id, moment)), droplet_id=kept.id)
    sim.state.add_backup(fresh, now.timestamp() - 3600).name = f"{NAME}- 2026-11-26"
    sim.state.add_image("web\x1b[2J- 2026-11-26", droplet_id=by_hand.id)


OPERATORS = {
    "find": (DigitalOceanListRestorePointsOperator, {"tag": "shop"}),
    "prune": (DigitalOceanPruneSnapshotsOperator, {"keep_last": 1, "dry_run": False}),
    "audit": (
        DigitalOceanAuditSnapshotsOperator,
        {"tag": "shop", "regions": ["ams3"], "max_data_age": 1, "max_copy_age": 1},
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.usefixtures("connection", "droplets")
def test_a_name_stays_on_its_line(name, capfd):
    """In each line of the log, and in the failure."""
    kind, arguments = OPERATORS[name]
    operator = kind(task_id="t", policy="prod", **arguments)
    written = ""

    try:
        operator.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})
    except PermanentTaskError as error:
        written = f"{error}\n"

    written += "".join(capfd.readouterr())
    assert SHOWN in written
    assert not [line for line in written.split("\n") if line.startswith("EVIL")]
    assert "\x1b[2J" not in written


def test_a_row_of_a_missing_droplet_stays_on_one_line():
    """The reason and the name come from another task."""
    operator = DigitalOceanConvertImageOperator(task_id="t", restore_point=ROW)

    with pytest.raises(PermanentTaskError) as failure:
        operator.execute({})

    assert str(failure.value).isprintable()


def test_an_error_of_the_api_is_one_line():
    """Whatever its message, its ids and the droplet's name are."""
    error = ServerError("a\nb", error_id="\x1b[2J", request_id="\u202e")
    error.droplet = NAME

    assert str(error).isprintable()


def test_the_demo_shows_actions_as_they_are():
    """No field of an action is markup."""
    action = ImageAction.from_json({"id": 7, "status": "completed", "type": "[/]"}, 5)

    table = copies_table([{**action.to_json(), "region_slug": "[red]"}], [])

    cells = [cell.plain for column in table.columns for cell in column.cells]
    assert ("[/]" in cells, "[red]" in cells) == (True, True)
