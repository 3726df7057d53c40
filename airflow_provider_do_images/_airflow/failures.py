"""Translate errors and results of the core to Airflow's exceptions.

``AirflowFailException`` ends the task without retries, and ``AirflowSensorTimeout`` ends a sensor
as timed out. After any other ``AirflowException`` Airflow applies the task's retries.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from airflow_provider_do_images._airflow.clearing import (
    CLEARING_BY_CODE,
    CLEARING_READS,
    CLEARING_SUBMITS,
)
from airflow_provider_do_images.api import (
    DigitalOceanError,
    Image,
    ImageAction,
    InvalidInputError,
    NotFoundError,
)
from airflow_provider_do_images.api.errors import PERMANENT_ERRORS
from airflow_provider_do_images.core.jobs.errors import BlockedTimeoutError
from airflow_provider_do_images.core.last_copy import describe_source
from airflow_provider_do_images.core.messages import as_sentence, describe_wait_result
from airflow_provider_do_images.core.results import (
    ActionResult,
    ReplicationStatus,
    WaitStatus,
    replication_status,
)
from airflow_provider_do_images.core.submit.image_ref import ImageRef
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.exceptions import (
    COPIES_MISSING,
    EXECUTION_TIMEOUT,
    INVALID_EVENT,
    ExecutionTimeoutError,
    PermanentTaskError,
    SensorTimeoutError,
    TaskError,
)
from airflow_provider_do_images.version_compat import AirflowException, AirflowTaskTimeout

T = TypeVar("T")
log = logging.getLogger(__name__)


@contextmanager
def airflow_exceptions(
    clearing: str, state: str = "", last_copy: Callable[[], str] = str
) -> Iterator[None]:
    """Raise a permanent error as final, and any other one so that Airflow retries the task.

    :param clearing: what clearing the task does.
    :param state: what is in progress or was done, if the error does not say it.
    :param last_copy: names the last good copy, or returns an empty text.
    """
    try:
        yield
    except AirflowTaskTimeout as error:
        about = getattr(error, "__notes__", [""])[-1]  # the outermost note is the most complete
        continues = "" if clearing == CLEARING_READS else "; an action it started may continue"
        raise ExecutionTimeoutError(
            f"execution_timeout expired during a request{about and f' for {about}'}{continues}: "
            f"{_join(as_sentence(error), last_copy(), clearing)}",
            EXECUTION_TIMEOUT,
        ) from error
    except DigitalOceanError as error:
        copy = "" if isinstance(error, NotFoundError) else last_copy()
        known = error.with_facts(state=_join(error.state or state, copy))
        if isinstance(error, InvalidInputError):
            clearing = CLEARING_BY_CODE.get(error.code, clearing)
        kind = PermanentTaskError if isinstance(error, PERMANENT_ERRORS) else TaskError
        raise kind(_join(as_sentence(known), clearing), error.code) from error


@contextmanager
def describing_timeout(
    wait: WaitSpec, seen: Mapping[int, ImageAction], clearing: str
) -> Iterator[None]:
    """Describe Airflow's ``execution_timeout`` in a worker like any other timeout.

    :param seen: actions as last read, by their ids.
    :param clearing: what clearing the task does.
    """
    try:
        yield
    except ExecutionTimeoutError:  # described already
        raise
    except AirflowTaskTimeout as error:
        result = WaitResult(WaitStatus.TIMED_OUT, wait, time.time(), seen.get(wait.action_id))
        text = _join(describe_wait_result(result), clearing)
        raise ExecutionTimeoutError(text, result.status.value) from error


def effective_timeout(timeout: float, execution_timeout: timedelta | bool | None) -> float:
    """Return the seconds until a wait times out.

    :param execution_timeout: the task's, if it is deferred: Airflow does not apply it there. In a
        worker Airflow's own timer applies it.
    """
    if not isinstance(execution_timeout, timedelta):
        return timeout
    return min(timeout, execution_timeout.total_seconds())


def from_event(read: Callable[[Any], T], event: Any, clearing: str) -> T:
    """Read the trigger's event; an unreadable one fails the task, because the result is unknown.

    :param clearing: what clearing the task does.
    """
    try:
        return read(event)
    except ValueError as error:
        raise PermanentTaskError(
            f"{as_sentence(error)} The action may still be in progress at DigitalOcean. {clearing}",
            INVALID_EVENT,
        ) from error


def wait_failure(
    row: ActionResult,
    timeout: float,
    execution_timeout: timedelta | bool | None,
    clearing: str,
) -> AirflowException | AirflowTaskTimeout:
    """Return the exception of an operator whose action did not complete.

    The times are those of :func:`effective_timeout`.

    :param clearing: what clearing the task does.
    """
    text = _join(as_sentence(row.error or ""), clearing)
    code = str(row.wait_status)
    expired = effective_timeout(timeout, execution_timeout) < timeout
    if row.wait_status is WaitStatus.TIMED_OUT and expired:
        return ExecutionTimeoutError(text, code)
    return (TaskError if row.is_retryable else PermanentTaskError)(text, code)


def blocked_failure(
    error: BlockedTimeoutError, timeout: float, limit: float, clearing: str
) -> AirflowException | AirflowTaskTimeout:
    """Return the exception of a submit that was blocked until the task timed out.

    :param timeout: the task's, in seconds.
    :param limit: the seconds after which it timed out: fewer, if ``execution_timeout`` expired.
    :param clearing: what clearing the task does.
    """
    kind = ExecutionTimeoutError if limit < timeout else TaskError
    return kind(_join(as_sentence(error), clearing), WaitStatus.TIMED_OUT.value)


def log_missing_copies(rows: Sequence[ActionResult]) -> None:
    """Log the failure of each region on a line of its own."""
    for row in rows:
        if not row.is_completed:
            status = row.wait_status or row.submission
            log.error("%s  %s: %s", row.region, status, as_sentence(row.error or ""))


def describe_copies(rows: Sequence[ActionResult]) -> str:
    """Count the completed copies, and name the regions without one."""
    first = rows[0]
    source = ImageRef(first.image_id, first.droplet_id, first.droplet_name)
    completed = [str(row.region) for row in rows if row.is_completed]
    text = f"{len(completed)} of {len(rows)} copies of {source} completed"
    if completed:
        text += f" ({', '.join(completed)})"
    if replication_status(rows) is ReplicationStatus.COMPLETED:
        return f"{text}."
    missing = [row for row in rows if not row.is_completed]
    names = ", ".join(f"{row.region} {row.wait_status or row.submission}" for row in missing)
    cause = as_sentence(missing[0].error or "") if len(missing) == 1 else ""
    return _join(f"{text}; missing: {names}.", cause)


def copies_failure(
    rows: Sequence[ActionResult],
    timeout: float,
    execution_timeout: timedelta | None,
    source: Image | None = None,
) -> AirflowException | AirflowTaskTimeout:
    """Return the exception of a replication that is not complete.

    :param source: the image as last read, if known.
    """
    retryable = any(row.is_retryable for row in rows)
    cause = "" if retryable else "Retrying will not help; fix the cause first."
    text = _join(describe_copies(rows), _last_copy(rows, source), cause, CLEARING_SUBMITS)
    if not retryable:
        return PermanentTaskError(text, COPIES_MISSING)
    expired = effective_timeout(timeout, execution_timeout) < timeout
    if expired and any(row.wait_status is WaitStatus.TIMED_OUT for row in rows):
        return ExecutionTimeoutError(text, COPIES_MISSING)
    return TaskError(text, COPIES_MISSING)


def _last_copy(rows: Sequence[ActionResult], source: Image | None) -> str:
    if any(row.wait_status is WaitStatus.NOT_FOUND for row in rows):
        return ""
    copied_to = [str(row.region) for row in rows if row.is_completed]
    what = ImageRef(rows[0].image_id, rows[0].droplet_id, rows[0].droplet_name)
    return describe_source(str(what), source, time.time(), copied_to)


def sensor_failure(result: WaitResult, upstream: Iterable[str] = ()) -> AirflowException:
    """Return the exception of a sensor. It only reads, so a retry would not change the result.

    ``AirflowFailException`` is the one class that poke, reschedule and deferrable mode treat alike,
    including ``soft_fail`` and ``silent_fail``.

    :param upstream: ids of the tasks before the sensor, one of which submitted the action.
    """
    code, text = result.status.value, describe_wait_result(result)
    if result.status is WaitStatus.TIMED_OUT:
        return SensorTimeoutError(_join(text, CLEARING_READS), code)
    if result.status is not WaitStatus.ERRORED:
        return PermanentTaskError(_join(text, CLEARING_READS), code)
    names = ", ".join(sorted(upstream))
    submit = (
        f"Clear the task that submitted the action{names and f' ({names})'} to submit it again."
    )
    return PermanentTaskError(_join(text, submit), code)


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
