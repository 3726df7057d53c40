"""The part of Airflow's REST API that the demo and the system tests need."""

from __future__ import annotations

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

FINISHED = ("success", "failed")
TIMEOUT = 60.0
WHOLE_LIST = 1000

# SQLite has one writer at a time. A request that waits for more than 5 s gets a 500 and is not in
# the database, so it is safe to resend.
RETRY_IF_LOCKED = Retry(
    total=3,
    connect=0,
    read=0,
    status_forcelist=[500],
    allowed_methods=None,
    backoff_factor=1,
    raise_on_status=False,
)


class AirflowRest:
    """Airflow's REST API, as the given user.

    :param url: address of the API server, without a path
    :param user: user name
    :param password: the user's password
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy for 127.0.0.1
        self._session.mount(url, HTTPAdapter(max_retries=RETRY_IF_LOCKED))

    def component_states(self) -> dict[str, str | None]:
        """Return the status of each component by its name."""
        health = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=TIMEOUT)
        health.raise_for_status()
        return {name: part["status"] for name, part in health.json().items()}

    def wake_execution_api(self) -> None:
        """Make the API server load its execution API before the first task needs it.

        Airflow loads it at the first request, on the event loop. That blocks all other requests for
        6 to 12 s, and one of them may hold SQLite's lock.
        """
        health = self._session.get(f"{self._url}/execution/health", timeout=TIMEOUT)
        health.raise_for_status()

    def wait_for_dag(self, dag_id: str, timeout: float = 60.0) -> None:
        """Wait until the DAG was parsed and can run.

        :raises TimeoutError: with the import errors, if it does not appear in time.
        """
        give_up = time.monotonic() + timeout
        while time.monotonic() < give_up:
            rows = self._send("GET", "/dags", params={"limit": WHOLE_LIST})["dags"]
            if any(row["dag_id"] == dag_id for row in rows):
                return
            time.sleep(0.5)
        raise TimeoutError(f"DAG {dag_id!r} did not appear; import errors: {self.import_errors()}")

    def import_errors(self) -> list[str]:
        """Return the traceback of each DAG file that cannot be imported."""
        rows = self._send("GET", "/importErrors", params={"limit": WHOLE_LIST})["import_errors"]
        return [row["stack_trace"] for row in rows]

    def trigger_dag(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Wait until the DAG is parsed, start a run, and return the run id."""
        self.wait_for_dag(dag_id)
        body = {"logical_date": None, "conf": conf or {}}
        return str(self._send("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def dag_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return all runs of a DAG, the oldest first."""
        query = {"limit": WHOLE_LIST, "order_by": "id"}
        rows: list[dict[str, Any]] = self._send("GET", f"/dags/{dag_id}/dagRuns", params=query)[
            "dag_runs"
        ]
        return rows

    def pause_dag(self, dag_id: str, *, paused: bool = True) -> None:
        """Wait until the DAG is parsed, then pause or unpause it."""
        self.wait_for_dag(dag_id)
        self._send("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})

    def dag_run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self._send("GET", _run(dag_id, run_id))["state"])

    def wait_for_dag_run(self, dag_id: str, run_id: str, timeout: float = 180.0) -> str:
        """Wait until a run is finished, or ``timeout`` seconds; return its last known state."""
        give_up = time.monotonic() + timeout
        while (state := self.dag_run_state(dag_id, run_id)) not in FINISHED:
            if time.monotonic() > give_up:
                break
            time.sleep(0.3)
        return state

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return all task instances of a run, including mapped ones."""
        path = f"{_run(dag_id, run_id)}/taskInstances"
        rows: list[dict[str, Any]] = self._send("GET", path, params={"limit": WHOLE_LIST})[
            "task_instances"
        ]
        return rows

    def count_tasks(self, dag_id: str, run_id: str, state: str) -> int:
        """Return how many task instances of a run are in a state."""
        return sum(row["state"] == state for row in self.task_instances(dag_id, run_id))

    def xcom(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str = "return_value",
        map_index: int = -1,
    ) -> Any:
        """Return the value of one XCom."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        query = {"map_index": map_index, "deserialize": "true"}
        return self._send("GET", path, params=query)["value"]

    def logs(
        self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1
    ) -> str:
        """Return the log of one try of a task, a line for each event."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}"
        query = {"map_index": map_index, "full_content": "true"}
        content = self._send("GET", path, params=query)["content"]
        return "\n".join(row if isinstance(row, str) else row["event"] for row in content)

    def clear(self, dag_id: str, run_id: str, task_ids: list[str] | None = None) -> None:
        """Clear tasks of a run, or all of them, so that they run again."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": task_ids,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._send("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        """Send one request, logged in, and return the answer's JSON."""
        if "Authorization" not in self._session.headers:
            login = self._session.post(f"{self._url}/auth/token", json=self._login, timeout=TIMEOUT)
            login.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        answer = self._session.request(
            method, f"{self._url}/api/v2{path}", timeout=TIMEOUT, **arguments
        )
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def _run(dag_id: str, run_id: str) -> str:
    """Return the path of a run."""
    return f"/dags/{dag_id}/dagRuns/{run_id}"
