"""Patches for tests with Airflow before 3.3: outside a worker, and in ``dag.test()``.

Airflow's own processes do not need them, so they are not part of the package.
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

__all__ = ["AirflowRescheduleException", "TaskDeferred", "apply_compat_patches"]


def apply_compat_patches() -> None:
    """Patch this process to behave like newer versions."""
    if not hasattr(supervisor.in_process_api_server, "cache_clear"):
        # Before 3.3 ``dag.test()`` starts an API server for each task, which takes seconds.
        supervisor.in_process_api_server = cache(supervisor.in_process_api_server)
    if version("apache-airflow-core").startswith("3.1."):
        # A worker parses the date from text; in this process the text is passed on unparsed.
        TaskRescheduleStartDate.model_construct = TaskRescheduleStartDate  # type: ignore[assignment]
