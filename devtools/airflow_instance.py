"""A real Airflow on 127.0.0.1: API server, scheduler, DAG processor, triggerer and SQLite."""

from __future__ import annotations

import base64
import json
import os
import platform
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import requests

from devtools.airflow_rest import AirflowRest
from devtools.processes import Component, end, free_port, uninterrupted

CACHE = Path(__file__).parent.parent / ".cache"
MIGRATION_TIMEOUT = 120.0
START_TIMEOUT = 120.0
STOP_GRACE = 6.0

# The log servers listen on all addresses, and no setting changes that. Without them the API server
# reads the log files, which are in the same home.
COMMANDS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


class AirflowInstance:
    """A real Airflow with its own home, as a context manager.

    :param home: folder for configuration, database and logs; emptied first
    :param dags_folder: folder of the DAG files
    :param env: further environment variables, such as connections
    """

    user = "admin"

    def __init__(self, home: Path, dags_folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.password = secrets.token_urlsafe(12)
        self.ui_url = f"http://127.0.0.1:{free_port()}"
        self.rest = AirflowRest(self.ui_url, self.user, self.password)
        self.env = {**_inherited_environment(), **self._settings(dags_folder), **(env or {})}
        self._components: dict[str, Component] = {}

    def __enter__(self) -> Self:
        """Start all components; stop them if one fails to start."""
        try:
            self._prepare_home()
            self._prepare_database()
            for name, arguments in COMMANDS.items():
                self._launch(name, arguments)
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all components."""
        self.stop()

    def stop(self) -> None:
        """Stop every process of this Airflow; a second Ctrl-C does not interrupt this."""
        with uninterrupted():
            end(list(self._components.values()), grace=STOP_GRACE)

    def kill(self, name: str) -> None:
        """Kill a component and all its processes with SIGKILL, like a lost machine.

        :param name: such as ``triggerer``, or ``scheduler``, whose processes run the tasks
        """
        component = self._components[name]
        component.signal(signal.SIGKILL)
        end([component], grace=STOP_GRACE)

    def start(self, name: str) -> None:
        """Start a killed component again."""
        self._launch(name, COMMANDS[name])

    def kill_task_of(self, url: str) -> int:
        """Kill the process of the task that is connected to ``url``; return its id."""
        port = int(url.rpartition(":")[2])
        for pid in self._components["scheduler"].members():
            with suppress(psutil.Error):
                links = psutil.Process(pid).net_connections(kind="tcp")
                if port in {getattr(link.raddr, "port", None) for link in links}:
                    os.kill(pid, signal.SIGKILL)
                    return pid
        raise LookupError(f"no task has a connection to {url}")

    def count_busy_workers(self) -> int:
        """Return how many workers of the executor run a task, by their process titles."""
        titles = set()
        for pid in self._components["scheduler"].members():
            with suppress(psutil.Error):
                titles.add(" ".join(psutil.Process(pid).cmdline()))
        return sum("LocalExecutor: " in title and "<idle>" not in title for title in titles)

    def process_ids(self) -> list[int]:
        """Return the ids of all running processes of this Airflow."""
        return [pid for component in self._components.values() for pid in component.members()]

    def _settings(self, dags_folder: Path) -> dict[str, str]:
        """Return Airflow's configuration as environment variables, with new secrets."""
        settings = {
            "API__BASE_URL": self.ui_url,
            "API__HOST": "127.0.0.1",
            "API__PORT": self.ui_url.rpartition(":")[2],
            "API__SECRET_KEY": secrets.token_urlsafe(32),
            "API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__DAGS_FOLDER": str(dags_folder.resolve()),
            # A killed task is retried after 5 s instead of 5 min.
            "CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.ui_url}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "4",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.user}:admin",
            "CORE__TEST_CONNECTION": "Enabled",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            # A lost scheduler or worker is detected after 20 s instead of 5 min.
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # Only triggered runs start, not scheduled ones.
            "SCHEDULER__USE_JOB_SCHEDULE": "False",
            # A killed triggerer is detected after 10 s instead of 30 s.
            "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        }
        named = {f"AIRFLOW__{name}": value for name, value in settings.items()}
        return {"AIRFLOW_HOME": str(self.home), **named}

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "airflow.db"

    @property
    def _passwords(self) -> Path:
        return self.home / "passwords.json"

    def _prepare_home(self) -> None:
        """Create an empty home with the user's password."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self._passwords.write_text(json.dumps({self.user: self.password}))
        self._passwords.chmod(0o600)

    def _prepare_database(self) -> None:
        """Copy a migrated database; the first call creates it, which takes 10 s."""
        name = f"airflow-{version('apache-airflow-core')}-python-{platform.python_version()}.db"
        template = CACHE / name
        if not template.exists():
            migration = self._launch("migration", ["db", "migrate"])
            if migration.wait(MIGRATION_TIMEOUT) != 0:
                raise RuntimeError(f"airflow db migrate failed:\n{migration.tail()}")
            CACHE.mkdir(exist_ok=True)
            # Copy and rename, so that another process never reads an incomplete file.
            copy = shutil.copy(self.database, template.with_suffix(f".{os.getpid()}"))
            Path(copy).replace(template)
        shutil.copy(template, self.database)

    def _launch(self, name: str, arguments: list[str]) -> Component:
        """Start one Airflow command."""
        command = [sys.executable, "-m", "airflow", *arguments]
        component = Component(name, command, self.env, self.home / f"{name}.out")
        self._components[name] = component
        return component

    def _wait_until_healthy(self) -> None:
        """Wait until the API server reports all components as healthy."""
        give_up = time.monotonic() + START_TIMEOUT
        while time.monotonic() < give_up:
            for name in COMMANDS:
                component = self._components[name]
                if component.exit_code is not None:
                    raise RuntimeError(f"airflow {name} has ended:\n{component.tail()}")
            try:
                states = self.rest.component_states()
            except requests.RequestException:
                states = {}
            if states and set(states.values()) == {"healthy"}:
                self.rest.wake_execution_api()
                return
            time.sleep(0.3)
        raise TimeoutError(f"Airflow is not healthy after {START_TIMEOUT:.0f} s: {states}")


def _inherited_environment() -> dict[str, str]:
    """Return the environment without settings of another Airflow.

    Each component loads 1,700 modules. Without cached bytecode each start compiles them again, so
    ``PYTHONDONTWRITEBYTECODE`` is removed, too.
    """
    foreign = ("AIRFLOW_", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    folders = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return {**kept, "PATH": os.pathsep.join(folders), "NO_PROXY": "127.0.0.1,localhost"}
