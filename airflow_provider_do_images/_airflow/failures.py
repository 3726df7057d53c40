"""From this package's errors and verdicts to Airflow's exceptions: one judge, two translations.

An ``AirflowFailException`` ends the task without retries and an ``AirflowSensorTimeout`` ends a
sensor as timed out; any other ``AirflowException`` leaves the retry to Airflow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from airflow_provider_do_images.api import DigitalOceanError, Image, ImageAction, NotFoundError
from airflow_provider_do_images.api.errors import PERMANENT_ERRORS
from airflow_provider_do_images.core.messages import (
    CLEARING_READS,
    STARTED_NOTHING,
    as_sentence,
    describe_wait_result,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import describe_replication, is_retryable
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.wait.evaluate import (
    WaitResult,
    WaitSpec,
    WaitStatus,
    may_be_of_another,
)
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


@contextmanager
def airflow_exceptions(clearing: str, state: str = "") -> Iterator[None]:
    """Raise what the API refuses for good as final, and what may pass as open to a retry.

    :param clearing: says what clearing the task does.
    :param state: says what runs, or was done, where the error does not.
    """
    try:
        yield
    except AirflowTaskTimeout as error:
        about = getattr(error, "__notes__", [""])[-1]  # the outermost knows most
        goes_on = "" if clearing == CLEARING_READS else ", and what that began goes on"
        raise ExecutionTimeoutError(
            f"execution_timeout came while a request was under way{about and f' for {about}'}"
            f"{goes_on}: {as_sentence(error)} {clearing}",
            EXECUTION_TIMEOUT,
        ) from error
    except DigitalOceanError as error:
        error.state = error.state or state
        final = isinstance(error, PERMANENT_ERRORS)
        words = f"{as_sentence(error)} {clearing}"
        raise (PermanentTaskError if final else TaskError)(words, error.code) from error


@contextmanager
def adding_last_copy(last_copy: Callable[[], str]) -> Iterator[None]:
    """Write into a passing failure of a submit which copy there is in any case, if any is known.

    :param last_copy: says it, or nothing. A 404 leaves none that is known.
    """
    try:
        yield
    except NotFoundError:
        raise
    except DigitalOceanError as error:
        if words := last_copy():
            error.state = f"{error.state or STARTED_NOTHING} {words}"
        raise
    except AirflowTaskTimeout as error:
        error.args = (f"{as_sentence(error)} {last_copy()}".strip(),)
        raise


@contextmanager
def describing_timeout(
    wait: WaitSpec, seen: Mapping[int, ImageAction], clearing: str
) -> Iterator[None]:
    """Let Airflow's ``execution_timeout`` say in this worker what any other time-out says.

    :param seen: actions as they were last seen, by their ids.
    :param clearing: says what clearing the task does.
    """
    try:
        yield
    except ExecutionTimeoutError:  # it says so already
        raise
    except AirflowTaskTimeout as error:
        verdict = WaitResult(WaitStatus.TIMED_OUT, wait, time.time(), seen.get(wait.action_id))
        code = verdict.outcome.value
        raise ExecutionTimeoutError(f"{describe_wait_result(verdict)} {clearing}", code) from error


def effective_timeout(timeout: float, execution_timeout: timedelta | bool | None) -> float:
    """Return how long a wait may take.

    :param execution_timeout: the task's, if it is deferred: Airflow itself forgets it there. In a
        worker Airflow's own timer keeps it.
    """
    if not isinstance(execution_timeout, timedelta):
        return timeout
    return min(timeout, execution_timeout.total_seconds())


def from_event(read: Callable[[Any], T], event: Any, clearing: str) -> T:
    """Read the trigger's event; one that is not ours ends the task, since a guess could lie.

    :param clearing: says what clearing the task does.
    """
    try:
        return read(event)
    except ValueError as error:
        raise PermanentTaskError(
            f"{as_sentence(error)} What was waited for may still run at DigitalOcean. {clearing}",
            INVALID_EVENT,
        ) from error


def check_execution_timeout(
    verdict: WaitResult, timeout: float, execution_timeout: timedelta | bool | None, clearing: str
) -> None:
    """Raise what Airflow raises for its ``execution_timeout``, if that ended a deferred wait.

    ``timeout`` and ``execution_timeout`` are those of :func:`effective_timeout`.

    :param clearing: says what clearing the task does.
    """
    ended_by_it = effective_timeout(timeout, execution_timeout) < timeout
    if verdict.outcome is WaitStatus.TIMED_OUT and ended_by_it:
        raise ExecutionTimeoutError(
            f"{describe_wait_result(verdict)} {clearing}", verdict.outcome.value
        )


def operator_failure(verdict: WaitResult, clearing: str) -> AirflowException:
    """Return the exception of an operator that submits and waits: a retry may submit again.

    :param clearing: says what clearing the task does.
    """
    words = f"{describe_wait_result(verdict)} {clearing}"
    retried = verdict.outcome in (
        WaitStatus.ERRORED,
        WaitStatus.TIMED_OUT,
        WaitStatus.INTERNAL_ERROR,
    )
    if verdict.outcome is WaitStatus.UNVERIFIED:
        wait = verdict.wait
        retried = may_be_of_another(wait.outcome, wait.region, verdict.action)
    kind = TaskError if retried else PermanentTaskError
    return kind(words, verdict.outcome.value)


def blocked_failure(
    blocked: Blocked, timeout: float, limit: float, clearing: str
) -> AirflowException | AirflowTaskTimeout:
    """Return the exception of a submit that was blocked until the task timed out.

    :param timeout: the task's, in seconds.
    :param limit: the seconds after which it timed out: fewer, if it was its ``execution_timeout``.
    :param clearing: says what clearing the task does.
    """
    kind = ExecutionTimeoutError if limit < timeout else TaskError
    return kind(f"timed out: {as_sentence(blocked)} {clearing}", WaitStatus.TIMED_OUT.value)


def copies_failure(
    rows: Sequence[ActionResult],
    timeout: float,
    execution_timeout: timedelta | None,
    source: Image | None = None,
) -> AirflowException | AirflowTaskTimeout:
    """Return the exception of a replication that is not complete.

    The times are those of :func:`effective_timeout`, the image that of :func:`tell`.
    """
    words = describe_replication(rows, time.time(), source)
    if not is_retryable(rows):
        return PermanentTaskError(words, COPIES_MISSING)
    ended_by_it = effective_timeout(timeout, execution_timeout) < timeout
    if ended_by_it and any(row.end == WaitStatus.TIMED_OUT for row in rows):
        return ExecutionTimeoutError(words, COPIES_MISSING)
    return TaskError(words, COPIES_MISSING)


def sensor_failure(verdict: WaitResult, upstream: Iterable[str] = ()) -> AirflowException:
    """Return the exception of a sensor, which only looks: looking again changes no verdict.

    :param upstream: ids of the tasks before the sensor, one of which submitted the action.

    ``AirflowFailException`` is the one class that poke, reschedule and deferrable mode treat alike,
    ``soft_fail`` and ``silent_fail`` included.
    """
    code = verdict.outcome.value
    if verdict.outcome is WaitStatus.TIMED_OUT:
        return SensorTimeoutError(f"{describe_wait_result(verdict)} {CLEARING_READS}", code)
    if verdict.outcome is not WaitStatus.ERRORED:
        return PermanentTaskError(f"{describe_wait_result(verdict)} {CLEARING_READS}", code)
    names = ", ".join(sorted(upstream))
    return PermanentTaskError(
        f"{describe_wait_result(verdict)} Clear the task that submitted the "
        f"action{names and f' ({names})'} to "
        f"submit it again. {CLEARING_READS}",
        code,
    )
