"""What an Airflow before 3.3 lacks in a process of tests: outside a worker, and in ``dag.test()``.

Airflow's own processes need none of it, so the package knows nothing of this.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from airflow.sdk.execution_time import supervisor
from airflow.sdk.execution_time.comms import TaskRescheduleStartDate

try:  # Airflow 3.2 and newer
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred
except ImportError:
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowRescheduleException,
        TaskDeferred,
    )

__all__ = ["AirflowRescheduleException", "TaskDeferred", "make_up_for_it"]


def make_up_for_it() -> None:
    """Do for this process what newer versions do by themselves."""
    if not hasattr(supervisor.in_process_api_server, "cache_clear"):
        # Before 3.3 ``dag.test()`` makes an API server for each task, which takes seconds.
        supervisor.in_process_api_server = cache(supervisor.in_process_api_server)
    if version("apache-airflow-core").startswith("3.1."):
        # A worker makes a date of the text that it is sent; here the text went through.
        TaskRescheduleStartDate.model_construct = TaskRescheduleStartDate  # type: ignore[assignment]
