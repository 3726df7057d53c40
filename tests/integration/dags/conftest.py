"""Run a DAG in this process, through Airflow's own task runner and trigger runner."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

EXCEPTIONS = ("TaskError", "PermanentTaskError", "SensorTimeoutError", "ExecutionTimeoutError")


@dataclass
class Run:
    """A finished run.

    :ivar tasks: the state of each task, or a list of states if it is mapped.
    """

    state: str
    tasks: dict[str, Any]
    log: str
    _instances: dict[tuple[str, int], Any]

    @property
    def failure(self) -> str:
        """The last exception of a task in the log."""
        found = re.findall(rf"^(?:\w+\.)*(?:{'|'.join(EXCEPTIONS)}): (.*)$", self.log, re.MULTILINE)
        return found[-1] if found else ""

    @property
    def code(self) -> str | None:
        """The error code that ends it."""
        found = re.search(r"\[(\w+)\]$", self.failure)
        return found[1] if found else None

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return an XCom of a task."""
        instance = self._instances[task_id, map_index]
        return instance.xcom_pull(task_ids=task_id, key=key, map_indexes=map_index)


@pytest.fixture
def run(airflow_db, digitalocean, capfd):
    """Run a DAG with parameters, in the present state of the simulator."""

    def run_dag(dag, **conf) -> Run:
        capfd.readouterr()
        dag_run = dag.test(run_conf=conf)
        states = defaultdict(dict)
        instances = {}
        for instance in dag_run.get_task_instances():
            states[instance.task_id][instance.map_index] = str(instance.state)
            instances[instance.task_id, instance.map_index] = instance
        tasks = {
            task_id: by_index[-1]
            if list(by_index) == [-1]
            else [state for _, state in sorted(by_index.items())]
            for task_id, by_index in states.items()
        }
        return Run(str(dag_run.state), tasks, "".join(capfd.readouterr()), instances)

    return run_dag
