"""One simulator and one real Airflow for all system tests."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_do_images.simulator import Rules, Simulator
from devtools.airflow_instance import COMMANDS, AirflowInstance
from devtools.processes import free_port, interrupt_on_termination

ROOT = Path(__file__).parent.parent.parent

SETTINGS = {
    # A killed process is noticed, and its task retried, within seconds.
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    # New DAG files are found at once; no file is read twice.
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    # Asset events start runs.
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
}


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
    """A simulated DigitalOcean where an hour takes a minute, and a transfer a second."""
    # A port that stays the same when it is stopped and started again.
    rules = Rules(transfer_seconds=60)
    with Simulator(port=free_port(), speed=60, seed=7, rules=rules) as running:
        for droplet in running.state.droplets.values():
            droplet.next_window_at = None  # the newest backup stays the newest, though hours pass
        yield running


@pytest.fixture(scope="session")
def connection(simulator: Simulator, token: str) -> str:
    """The value of the environment variable that connects Airflow with the simulator."""
    return json.dumps({"conn_type": "digitalocean", "host": simulator.url, "password": token})


@pytest.fixture(scope="session")
def copy_dag() -> Callable[[Path, Path], None]:
    """Copy a DAG file without its time of day, and with a polling interval of one second."""

    def copy(file: Path, folder: Path) -> None:
        text = re.sub(r'schedule="[^"]*"', "schedule=None", file.read_text())
        text = re.sub(r"(poll|poke)_interval=\d+", r"\1_interval=1", text)
        text = text.replace('{"retries"', '{"poll_interval": 1, "poke_interval": 1, "retries"')
        (folder / file.name).write_text(text)

    return copy


@pytest.fixture(scope="session")
def dags_folder(copy_dag, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Airflow's DAG files, with the DAGs of these tests."""
    folder = tmp_path_factory.mktemp("airflow") / "dags"
    folder.mkdir()
    for file in (Path(__file__).parent / "dags").glob("*.py"):
        copy_dag(file, folder)
    return folder


@pytest.fixture(scope="session")
def airflow(connection: str, dags_folder: Path) -> Iterator[AirflowInstance]:
    """A real Airflow."""
    interrupt_on_termination()
    env = {"AIRFLOW_CONN_DIGITALOCEAN_DEFAULT": connection, **SETTINGS}
    with AirflowInstance(dags_folder.parent / "home", dags_folder, env) as running:
        yield running
        for name in COMMANDS:
            running.kill(name)  # nobody needs what a graceful end would still write


@pytest.fixture(scope="session")
def example_dags(airflow: AirflowInstance, copy_dag, dags_folder: Path) -> None:
    """The example DAGs, which run when a test or an asset event says so."""
    for file in (ROOT / "example_dags").glob("*.py"):
        copy_dag(file, dags_folder)


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
    """Return the bodies of all POSTs that the simulator has seen for an image."""

    def bodies(image_id: int) -> list[dict[str, str]]:
        return [
            entry.body
            for entry in simulator.journal.entries
            if (entry.method, entry.path) == ("POST", f"/v2/images/{image_id}/actions")
        ]

    return bodies


@pytest.fixture(scope="session")
def wait_until():
    """Wait until something is so, or fail."""

    def wait(condition: Callable[[], bool], timeout: float = 120.0) -> None:
        give_up = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < give_up, "it has not come to pass"
            time.sleep(0.2)

    return wait


@pytest.fixture
def held_transfers(simulator: Simulator) -> Iterator[None]:
    """Transfers that begin meanwhile end only when the test says so."""
    simulator.state.hold_actions = True
    yield
    simulator.state.hold_actions = False
