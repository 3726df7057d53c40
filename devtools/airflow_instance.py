"""A real Airflow on 127.0.0.1: API server, scheduler, DAG processor, triggerer; SQLite below."""

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

# The log servers listen on all addresses and cannot be told otherwise; without them the API server
# reads the logs as files, which lie in the same home anyway.
COMMANDS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


class AirflowInstance:
    """A real Airflow with a home of its own, from ``with`` to the end of the block.

    :param home: folder for configuration, database and logs; emptied first
    :param dags_folder: where the DAG files are
    :param env: environment variables that Airflow shall have beside its own, such as connections
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
        """Start everything; if that fails, nothing stays behind."""
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
        """Stop everything."""
        self.stop()

    def stop(self) -> None:
        """End every process that belongs to this Airflow; a second Ctrl-C has to wait for that."""
        with uninterrupted():
            end(list(self._components.values()), grace=STOP_GRACE)

    def kill(self, name: str) -> None:
        """End a component and all its processes with SIGKILL, as a lost machine would.

        :param name: such as ``triggerer``, or ``scheduler``, whose processes run the tasks
        """
        component = self._components[name]
        component.signal(signal.SIGKILL)
        end([component], grace=STOP_GRACE)

    def start(self, name: str) -> None:
        """Start a component again, after it was killed."""
        self._launch(name, COMMANDS[name])

    def kill_task_of(self, url: str) -> int:
        """End the process of the task that has a connection to ``url``; return its id."""
        port = int(url.rpartition(":")[2])
        for pid in self._components["scheduler"].members():
            with suppress(psutil.Error):
                links = psutil.Process(pid).net_connections(kind="tcp")
                if port in {getattr(link.raddr, "port", None) for link in links}:
                    os.kill(pid, signal.SIGKILL)
                    return pid
        raise LookupError(f"no task has a connection to {url}")

    def count_busy_workers(self) -> int:
        """Return how many of the executor's workers have a task; their titles say which."""
        titles = set()
        for pid in self._components["scheduler"].members():
            with suppress(psutil.Error):
                titles.add(" ".join(psutil.Process(pid).cmdline()))
        return sum("LocalExecutor: " in title and "<idle>" not in title for title in titles)

    def process_ids(self) -> list[int]:
        """Return the ids of all running processes that belong to this Airflow."""
        return [pid for component in self._components.values() for pid in component.members()]

    def _settings(self, dags_folder: Path) -> dict[str, str]:
        """Return Airflow's configuration as environment variables, with secrets of its own."""
        settings = {
            "API__BASE_URL": self.ui_url,
            "API__HOST": "127.0.0.1",
            "API__PORT": self.ui_url.rpartition(":")[2],
            "API__SECRET_KEY": secrets.token_urlsafe(32),
            "API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__DAGS_FOLDER": str(dags_folder.resolve()),
            # What was killed is tried again after five seconds instead of five minutes.
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
            # A lost scheduler or worker is noticed after twenty seconds, not five minutes.
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # A run starts when it is asked for, not at three in the morning.
            "SCHEDULER__USE_JOB_SCHEDULE": "False",
            # A killed triggerer is noticed after ten seconds instead of thirty.
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
        """Make an empty home that knows the user's password."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self._passwords.write_text(json.dumps({self.user: self.password}))
        self._passwords.chmod(0o600)

    def _prepare_database(self) -> None:
        """Copy a migrated database; the first time, make it, which takes ten seconds."""
        name = f"airflow-{version('apache-airflow-core')}-python-{platform.python_version()}.db"
        template = CACHE / name
        if not template.exists():
            migration = self._launch("migration", ["db", "migrate"])
            if migration.wait(MIGRATION_TIMEOUT) != 0:
                raise RuntimeError(f"airflow db migrate failed:\n{migration.tail()}")
            CACHE.mkdir(exist_ok=True)
            # Copied beside and renamed, so that nobody ever sees half a file.
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
        """Wait until the API server says that all components are healthy."""
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
    """Return our environment without anyone else's Airflow in it.

    Airflow loads 1,700 modules in each component. Where their bytecode may not be written, each
    start compiles them again.
    """
    foreign = ("AIRFLOW_", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    folders = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return {**kept, "PATH": os.pathsep.join(folders), "NO_PROXY": "127.0.0.1,localhost"}
