"""One drill in a real Airflow: SIGKILL ends a task inside its POST, and a triggerer with its waits.

It runs once. Each test below checks one part of what it left behind: in Airflow, in the simulator,
in the database and in the files of the Airflow home.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_do_images.simulator import HeldRequest

TRIGGER = "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionTrigger"
ACTIONS = "/v2/images/*/actions"
POST = {"type": "transfer", "region": "ams3"}
WAITS = 5
ERRORED = 2
"""Which of the waits has an action that errors."""


@dataclass
class Drill:
    """What the drill left behind.

    :param copied: the image that the killed task submitted a transfer of
    :param copy_run: the run of copy_and_wait whose task was killed
    :param action_ids: the actions of the waits, by map index
    :param wait_run: the run of many_waits whose triggerer was killed
    :param posted: how many actions were submitted, from its begin to its end
    :param cells: the database's content while the POST was held and all waits were deferred
    """

    copied: Any
    copy_run: str
    action_ids: list[int]
    wait_run: str
    posted: int
    cells: list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def drill(airflow, simulator, snapshot, wait_until) -> Drill:
    """Run the drill: two runs, two kills, the ends of all actions, a new triggerer."""
    state = simulator.state
    before = simulator.journal.count("POST", ACTIONS)
    state.hold_actions = True
    images = [snapshot() for _ in range(WAITS)]
    actions = [state.begin_action("transfer", i, region="ams3", seconds=60) for i in images]
    wait_run = airflow.rest.trigger_dag("many_waits", {"actions": [_row(a) for a in actions]})
    wait_until(lambda: airflow.rest.count_tasks("many_waits", wait_run, "deferred") == WAITS)
    held = simulator.faults.add(HeldRequest(method="POST"))
    copied = snapshot()
    copy_run = airflow.rest.trigger_dag("copy_and_wait", {"image_id": copied.id})
    assert held.reached.wait(60)
    _wait_for_workers(airflow, wait_until, busy=1)
    cells = list(_cells(airflow))

    airflow.kill_task_of(simulator.url)
    airflow.kill("triggerer")

    airflow.start("triggerer")
    held.release()
    simulator.faults.clear()
    for number, action in enumerate(actions):
        state.finish_action(action.id, "errored" if number == ERRORED else "completed")
    if version("apache-airflow-core").startswith("3.1."):  # which retries no task that was killed
        assert airflow.rest.wait_for_dag_run("copy_and_wait", copy_run) == "failed"
        _wait_for_workers(airflow, wait_until)
        airflow.rest.clear("copy_and_wait", copy_run, ["copy"])
    wait_until(lambda: airflow.rest.count_tasks("copy_and_wait", copy_run, "deferred") == 1)
    _wait_for_workers(airflow, wait_until)
    state.hold_actions = False
    [running] = [action for action in state.actions.values() if action.resource_id == copied.id]
    state.finish_action(running.id)
    for dag_id, run_id in (("copy_and_wait", copy_run), ("many_waits", wait_run)):
        airflow.rest.wait_for_dag_run(dag_id, run_id)
    posted = simulator.journal.count("POST", ACTIONS) - before
    return Drill(copied, copy_run, [action.id for action in actions], wait_run, posted, cells)


def _wait_for_workers(airflow: Any, wait_until: Any, busy: int = 0) -> None:
    """Wait until the executor's workers have ended what is deferred or failed.

    In Airflow 3.1 that may take five seconds. If the task continues or is cleared before the
    scheduler has recorded it, the scheduler treats the task as killed, or ends with an error.
    """
    wait_until(lambda: airflow.count_busy_workers() <= busy)
    time.sleep(2)  # several turns of the scheduler


def _row(action: Any) -> dict[str, Any]:
    return {"id": action.id, "image_id": action.resource_id, "region_slug": action.region}


def _cells(airflow: Any) -> Iterator[tuple[str, str, str]]:
    """Yield every value in the database by its table and column, decrypted."""
    fernet = Fernet(airflow.env["AIRFLOW__CORE__FERNET_KEY"])
    with closing(sqlite3.connect(f"file:{airflow.database}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - its own names
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    yield table, column, _plain(value, fernet)


def _plain(value: object, fernet: Fernet) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return fernet.decrypt(text).decode() if text.startswith("gAAAA") else text


def test_the_post_of_the_killed_task_is_sent_once(drill, airflow, posts):
    """The next try attaches to the action, and waits until the copy is there."""
    [task] = airflow.rest.task_instances("copy_and_wait", drill.copy_run)

    assert posts(drill.copied.id) == [POST]
    assert task["state"] == "success"
    assert task["try_number"] > 1
    assert airflow.rest.xcom("copy_and_wait", drill.copy_run, "copy", "submission") == "attached"
    assert "ams3" in drill.copied.regions


def test_each_wait_reports_how_its_action_ended(drill, airflow):
    """Four completed, one errored; the next triggerer sent no POST for them."""
    rows = airflow.rest.task_instances("many_waits", drill.wait_run)
    waits = [row for row in rows if row["task_id"] == "wait"]
    states = ["failed" if number == ERRORED else "success" for number in range(WAITS)]

    assert [row["state"] for row in sorted(waits, key=lambda row: row["map_index"])] == states
    for number, action_id in enumerate(drill.action_ids):
        if number != ERRORED:
            result = airflow.rest.xcom("many_waits", drill.wait_run, "wait", map_index=number)
            assert (result["id"], result["status"]) == (action_id, "completed")
    assert drill.posted == 1


def test_the_token_is_in_no_row_while_tasks_wait(drill, token):
    """XCom, rendered templates, the DAGs and the triggers' decrypted arguments are free of it."""
    triggers = [value for *place, value in drill.cells if place == ["trigger", "kwargs"]]

    assert ("trigger", "classpath", TRIGGER) in drill.cells
    for action_id in drill.action_ids:
        assert any(str(action_id) in value for value in triggers)
    assert {table for table, _, _ in drill.cells} >= {"rendered_task_instance_fields", "xcom"}
    assert [cell[:2] for cell in drill.cells if token in cell[2]] == []


def test_the_token_is_in_no_file_after_the_runs(drill, airflow, token):
    """No log of a task, of the triggerer or of any other component has it, and no other file."""
    for action_id in drill.action_ids:
        assert _files_with(str(action_id), airflow.home / "logs")

    assert _files_with(token, airflow.home) == []


def _files_with(text: str, folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]
