"""The exceptions that end a task: Airflow's own classes, each with a stable error code.

The class decides what Airflow does: retry, fail without a retry, or skip. The ``code`` names the
failure. It is the code of an :class:`~airflow_provider_do_images.api.errors.DigitalOceanError`, a
:class:`~airflow_provider_do_images.core.results.WaitStatus`, or one of the constants here.
It ends each message in brackets, so that you can search a log for it.
"""

from __future__ import annotations

from airflow_provider_do_images.version_compat import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

EXECUTION_TIMEOUT = "execution_timeout"
"""Airflow's ``execution_timeout`` expired during a request."""

INVALID_EVENT = "invalid_event"
"""The trigger's event is not one of this version's, so the result is unknown."""

COPIES_MISSING = "copies_missing"
"""A replication ended without all of its copies."""

NO_ACTION = "no_action"
"""The row given to a sensor has no action, and does not say that none was needed."""

NO_RESTORE_POINT = "no_restore_point"
"""A droplet, or each one of several, has no usable restore point."""

AUDIT_FAILED = "audit_failed"
"""An audit found copies that are missing or stale."""


class _WithCode(BaseException):
    """Adds the code to one of Airflow's exceptions.

    :param message: what failed, why, and what to do.
    :param code: the stable short name of the failure.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return f"{self.args[0]} [{self.code}]" if self.code else str(self.args[0])


class TaskError(_WithCode, AirflowException):
    """The task failed; a retry may succeed."""


class PermanentTaskError(_WithCode, AirflowFailException):
    """The task failed, and a retry would fail in the same way."""


class TaskSkipped(_WithCode, AirflowSkipException):
    """The task has nothing to do."""


class SensorTimeoutError(_WithCode, AirflowSensorTimeout):
    """The sensor's ``timeout`` expired before the action finished."""


class ExecutionTimeoutError(_WithCode, AirflowTaskTimeout):
    """The task's ``execution_timeout`` expired; Airflow may retry the task."""
