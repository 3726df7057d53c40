"""One simulator and one real Airflow for all system tests."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_do_images.simulator import Simulator
from devtools.airflow_instance import AirflowInstance
from devtools.processes import free_port, interrupt_on_termination

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class DeferredTransfer:
    """A run of the DAG transfer_image that waits for its action in the triggerer."""

    run_id: str
    image_id: int
    action_id: int


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def token() -> str:
    """A token that occurs nowhere else."""
    return f"dop_v1_{secrets.token_hex(32)}"


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """A simulated DigitalOcean where an hour takes a minute."""
    # A port that stays the same when it is stopped and started again.
    with Simulator(port=free_port(), speed=60, seed=7) as running:
        for droplet in running.state.droplets.values():
            droplet.next_window_at = None  # the newest backup stays the newest, though hours pass
        yield running


@pytest.fixture(scope="session")
def connection(simulator: Simulator, token: str) -> str:
    """The value of the environment variable that connects Airflow with the simulator."""
    return json.dumps({"conn_type": "digitalocean", "host": simulator.url, "password": token})


@pytest.fixture(scope="session")
def airflow(
    root: Path, connection: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowInstance]:
    """A real Airflow that has the example DAGs, and those of these tests.

    Runs begin when a test or an asset event says so: no DAG has a time of day here.
    """
    interrupt_on_termination()
    folder = tmp_path_factory.mktemp("airflow")
    for dags in (root / "example_dags", Path(__file__).parent / "dags"):
        shutil.copytree(dags, folder / "dags", dirs_exist_ok=True)
    for file in (folder / "dags").glob("*.py"):
        file.write_text(re.sub(r'schedule="[^"]*"', "schedule=None", file.read_text()))
    env = {
        "AIRFLOW_CONN_DIGITALOCEAN_DEFAULT": connection,
        # To read the same files again every five seconds would cost most of a core.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
    }
    with AirflowInstance(folder / "home", folder / "dags", env) as running:
        yield running


@pytest.fixture(scope="session")
def snapshot(simulator: Simulator):
    """Make a snapshot in nyc3 that no other test uses."""
    return lambda: simulator.state.add_image("a-snapshot", type="snapshot", regions=["nyc3"])


@pytest.fixture(scope="session")
def backup(simulator: Simulator):
    """Make a backup in nyc3 that no other test uses."""
    return lambda: simulator.state.add_image("a-backup", type="backup", regions=["nyc3"])


@pytest.fixture(scope="session")
def posts(simulator: Simulator):
    """Tell the bodies of all POSTs that the simulator has seen for an image."""

    def bodies(image_id: int) -> list[dict[str, str]]:
        return [
            entry.body
            for entry in simulator.journal.entries
            if (entry.method, entry.path) == ("POST", f"/v2/images/{image_id}/actions")
        ]

    return bodies


@pytest.fixture
def wait_until():
    """Wait until something is so, or fail."""

    def wait(condition: Callable[[], bool], timeout: float = 120.0) -> None:
        give_up = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < give_up, "it has not come to pass"
            time.sleep(0.3)

    return wait


@pytest.fixture
def held_transfers(simulator: Simulator) -> Iterator[None]:
    """Transfers that begin meanwhile end only when the test says so."""
    simulator.state.hold_actions = True
    yield
    simulator.state.hold_actions = False


@pytest.fixture
def deferred_transfer(
    airflow: AirflowInstance, simulator: Simulator, snapshot, held_transfers: None, wait_until
) -> Iterator[DeferredTransfer]:
    """A run of the DAG transfer_image whose sensor has deferred."""
    image = snapshot()
    conf = {"image_id": image.id, "region": "ams3"}
    run_id = airflow.rest.trigger_dag("transfer_image", conf)
    wait_until(lambda: _state_of_sensor(airflow, run_id) == "deferred")
    action_id = airflow.rest.xcom("transfer_image", run_id, "transfer", key="action_id")
    yield DeferredTransfer(run_id, image.id, action_id)
    if simulator.state.actions[action_id].status == "in-progress":
        simulator.state.finish_action(action_id)


def _state_of_sensor(airflow: AirflowInstance, run_id: str) -> str | None:
    rows = airflow.rest.task_instances("transfer_image", run_id)
    [row] = [row for row in rows if row["task_id"] == "transferred"]
    return row["state"]
