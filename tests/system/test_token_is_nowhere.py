"""The token, after whole runs: in no file of the Airflow home and in no row of its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

TRIGGER = "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionTrigger"


@pytest.fixture
def cells(airflow):
    """Every value in the database by its table and column, what is encrypted decrypted."""
    fernet = Fernet(airflow.env["AIRFLOW__CORE__FERNET_KEY"])

    def read() -> Iterator[tuple[str, str, str]]:
        address = f"file:{airflow.database}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables.fetchall():
                rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - its own names
                columns = [column[0] for column in rows.description]
                for row in rows:
                    for column, value in zip(columns, row, strict=True):
                        yield table, column, _plain(value, fernet)

    return read


def _plain(value: object, fernet: Fernet) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return fernet.decrypt(text).decode() if text.startswith("gAAAA") else text


def test_the_token_is_in_no_row_while_a_task_waits(cells, deferred_transfer, token):
    """XCom, rendered templates, the DAG and the trigger's decrypted arguments are free of it."""
    found = list(cells())

    assert ("trigger", "classpath", TRIGGER) in found
    arguments = [
        value for table, column, value in found if (table, column) == ("trigger", "kwargs")
    ]
    assert any(str(deferred_transfer.action_id) in value for value in arguments)
    assert {table for table, _, _ in found} >= {"rendered_task_instance_fields", "xcom"}
    assert [cell[:2] for cell in found if token in cell[2]] == []


def test_the_token_is_in_no_file_after_a_run(airflow, simulator, deferred_transfer, token):
    """No log of a task, of the triggerer or of any other component has it, and no other file."""
    simulator.state.finish_action(deferred_transfer.action_id)
    assert airflow.rest.wait_for_dag_run("transfer_image", deferred_transfer.run_id) == "success"

    assert _files_with(str(deferred_transfer.action_id), airflow.home / "logs")
    assert _files_with(token, airflow.home) == []


def _files_with(text: str, folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]
