"""One trial: submit, wait and prove under faults and kills, retried as Airflow would, then judged.

What is judged is the simulator's state, never what our code believes.
"""

from __future__ import annotations

import random as global_random
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout

from airflow_provider_do_images._airflow.clearing import CLEARING_SUBMITS
from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    blocked_failure,
    sensor_failure,
    wait_failure,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.jobs.errors import BlockedTimeoutError, WaitFailedError
from airflow_provider_do_images.core.jobs.submit import SubmitJob
from airflow_provider_do_images.core.jobs.waiter import Waiter
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.submit.decide import ActionRequest
from airflow_provider_do_images.core.wait.flow import drive, poll_once, wait_until_finished
from airflow_provider_do_images.core.wait.spec import VERIFY_TIMEOUT, WaitSpec
from airflow_provider_do_images.simulator import Simulator
from airflow_provider_do_images.simulator.state.models import Action
from devtools.chaos import READ_TIMEOUT, Chaos, Killed

TRIES = 6
POLL_INTERVAL = 60.0
TIMEOUT = 3600.0
PASTS = ("nothing", "there", "running", "errored", "elsewhere")
"""What had happened to the image before the trial."""


@dataclass
class Report:
    """What came of one trial."""

    number: int
    intent: str
    end: str = ""
    tries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    violations: list[str] = field(default_factory=list)


class Trial:
    """A trial, whose whole course follows from the seed and its number.

    :param simulator: with a fresh account and a clock that is moved by hand.
    """

    def __init__(self, simulator: Simulator, seed: int, number: int) -> None:
        self.simulator = simulator
        self.random = Random(f"{seed}/{number}")  # noqa: S311 - replayed, not secret
        global_random.seed(f"{seed}/{number}")  # the client's jitter
        state = simulator.state
        region = self.random.choice([None, "ams3", "sgp1"])
        kind = "snapshot" if region else "backup"
        self.image = state.add_image("of-the-trial", type=kind)
        self.request = ActionRequest(self.image.id, region)
        self.separate = self.random.random() < 0.5  # noqa: PLR2004 - a coin
        self.past = self._make_past(self.random.choice(PASTS))
        self.known = set(state.actions)
        self.chaos = Chaos(simulator, self.random, self.image.id, region)
        simulator.tokens.allow(self.chaos.token)
        tasks = "submit, then a sensor" if self.separate else "one operator"
        self.report = Report(number, f"{self.request} by {tasks}; before: {self.past}")

    def run(self) -> Report:
        """Run the tasks to their end and judge it."""
        try:
            self._run_tasks()
        finally:
            self.chaos.release()
            self.simulator.faults.clear()
        self.report.faults, self.report.kills = self.chaos.faults, self.chaos.kills
        self.report.posts = self.simulator.journal.count("POST")
        self.report.violations += [
            f"duplicate: action {action.id} was posted though it was not needed"
            for action in self._duplicates()
        ]
        return self.report

    def _make_past(self, past: str) -> str:
        state, region = self.simulator.state, self.request.region
        if past == "there" and region:
            self.image.regions.append(region)
        if past == "there" and not region:
            state.convert_to_snapshot(self.image)
        if past == "running" and region:
            state.begin_action("transfer", self.image, region=region, seconds=400)
        if past == "errored":
            state.add_action(self.image.id, type=self.request.type, region=region, status="errored")
        if past == "elsewhere":
            state.begin_action("transfer", self.image, region="blr1", seconds=900)
        return past

    # As Airflow would

    def _run_tasks(self) -> None:
        tasks = [self._submit, self._sense] if self.separate else [self._operate]
        result: Any = None
        for task in tasks:
            for _ in range(TRIES):
                self.report.tries += 1
                self.chaos.release()
                try:
                    result = task(result)
                except Killed:
                    continue
                except (AirflowFailException, AirflowSensorTimeout) as error:
                    return self._failed(error)
                except AirflowException:
                    self.simulator.clock.advance(60)
                    continue
                break
            else:
                self.report.end = "its tries are used up"
                return None
        return self._succeeded()

    def _client(self) -> ApiClient:
        client = ApiClient(
            self.chaos.token,
            self.simulator.url,
            read_timeout=READ_TIMEOUT,
            sleep=self.chaos.sleep,
        )
        client._session.mount("http://", self.chaos)  # noqa: SLF001 - where the network begins
        return client

    def _waiter(self) -> Waiter:
        clock, sleep = self.simulator.clock.now, self.chaos.sleep
        return Waiter(
            lambda request: request.send(self._client()), POLL_INTERVAL, clock=clock, sleep=sleep
        )

    def _job(self, *, wait_for_completion: bool) -> SubmitJob:
        return SubmitJob(
            self._client,
            self.request,
            self._waiter(),
            TIMEOUT,
            wait_for_completion=wait_for_completion,
            report=self._count,
        )

    def _count(self, key: str, value: Any) -> None:
        if key == "submission":
            self.report.outcomes[value] += 1

    def _submit(self, _: Any) -> ActionResult:
        """Submit as an operator does that does not wait."""
        return self._run(self._job(wait_for_completion=False))

    def _operate(self, _: Any) -> ActionResult:
        """Submit and wait as an operator does, in one task."""
        return self._run(self._job(wait_for_completion=True))

    def _run(self, job: SubmitJob) -> ActionResult:
        try:
            with airflow_exceptions(CLEARING_SUBMITS):
                return job.run()
        except BlockedTimeoutError as error:
            raise blocked_failure(error, TIMEOUT, TIMEOUT, CLEARING_SUBMITS) from error
        except WaitFailedError as error:
            raise wait_failure(error.result, TIMEOUT, None, CLEARING_SUBMITS) from error

    def _sense(self, row: ActionResult) -> None:
        """Wait as the sensor does, in a task of its own."""
        if not row.is_pending:
            return
        waiter, now = self._waiter(), self.simulator.clock.now()
        wait = WaitSpec.for_result(
            row, now=now, deadline=now + TIMEOUT, verify_timeout=VERIFY_TIMEOUT
        )
        result = drive(poll_once(wait, waiter.clock), waiter.read, waiter.sleep)
        if result is None:
            steps = wait_until_finished(wait, poll_interval=POLL_INTERVAL, clock=waiter.clock)
            result = drive(steps, waiter.read, waiter.sleep)
        if result.status is not WaitStatus.COMPLETED:
            raise sensor_failure(result)

    # The judgement

    def _is_there(self) -> bool:
        self.simulator.state.process_due_events()
        if self.request.region:
            return self.request.region in self.image.regions
        return self.image.type == "snapshot"

    def _is_running(self) -> bool:
        actions = self.simulator.state.actions.values()
        return any(a.status == "in-progress" and self._is_wanted(a) for a in actions)

    def _succeeded(self) -> None:
        self.report.end = "success"
        if not self._is_there():
            self.report.violations.append("lie: success, but it is not there")

    def _failed(self, error: Exception) -> None:
        self.report.end = f"failed: {error}"
        revoked = self.simulator.tokens.scopes_of(self.chaos.token) is None
        refused = revoked or self.simulator.journal.entries[-1].status in {401, 403}
        gone = self.image.id not in self.simulator.state.images
        if refused or gone:
            return
        if self._is_there():
            self.report.violations.append(f"lost: failed although it is there: {error}")
        elif self._is_running() and not isinstance(error, AirflowSensorTimeout):
            self.report.violations.append(f"lost: failed for good although it runs: {error}")

    def _duplicates(self) -> list[Action]:
        """Return the actions that were begun although another one did, or had done, the work."""
        actions = [a for a in self.simulator.state.actions.values() if self._is_wanted(a)]
        posted = [action for action in actions if action.id not in self.known]
        if self.past == "there":
            return posted
        return [
            action
            for action in posted
            if any(
                other.id < action.id and not _had_errored(other, action.started_at)
                for other in actions
            )
        ]

    def _is_wanted(self, action: Action) -> bool:
        kinds = {"transfer"} if self.request.region else {"convert", "convert_to_snapshot"}
        return (
            action.resource_id == self.image.id
            and action.type in kinds
            and action.region == self.request.region
            and action.status != "queued"
        )


def _had_errored(action: Action, moment: int) -> bool:
    ended = action.completed_at is not None and action.completed_at <= moment
    return action.status == "errored" and ended
