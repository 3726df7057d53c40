"""The sensor that waits for an image action."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from airflow_provider_do_images.actions.handed import Handed
from airflow_provider_do_images.actions.judge import PROOF_TIMEOUT, Outcome, Verdict, Wait
from airflow_provider_do_images.actions.messages import LOOKS, explain, goes_on
from airflow_provider_do_images.actions.progress import Progress
from airflow_provider_do_images.actions.wait import Answer, Ask, look_once, run
from airflow_provider_do_images.api import ImageAction, InvalidInputError
from airflow_provider_do_images.api.inputs import check_id, check_seconds
from airflow_provider_do_images.exceptions import TaskSkipped
from airflow_provider_do_images.failures import (
    as_airflow_exceptions,
    check_execution_timeout,
    from_event,
    seconds_until_given_up,
    sensor_failure,
    telling_time_out,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import LINKS
from airflow_provider_do_images.triggers.image_actions import deferral
from airflow_provider_do_images.version_compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    conf,
)

_ACTION = Handed(
    "action",
    operator="DigitalOceanImageActionSensor",
    made_by="a convert or transfer operator",
    keys=("id", "image_id"),
    one="action=transfer.output",
    many="action=transfers.output",
)

_HEAD_START = 0.1
"""Seconds by which our deadline comes before Airflow's own check of a poked sensor's timeout, whose
message knows nothing of the action."""

_RETELL = 600.0
"""Seconds after which a rescheduled sensor tells again that its looks fail."""


class DigitalOceanImageActionSensor(BaseSensorOperator):
    """Wait until an image action has completed, and return it.

    All modes (poke, reschedule, deferrable) end alike: a completed action is returned as a dict of
    its nine fields and what the submit told of it
    (:class:`~airflow_provider_do_images.actions.results.Result`); a time-out raises
    ``AirflowSensorTimeout``; an errored action and everything else that ends the wait raises
    ``AirflowFailException``. ``soft_fail`` and ``never_fail`` turn both into a skip. Failing looks
    (429, 5xx, no answer) are waited out. A result without an action, of a submit that found
    everything there already, passes at once.

    :param action: the result of a convert or transfer operator, whole: ``transfer.output``, or
        mapped, ``.expand(action=transfers.output)``. (templated)
    :param image_id: instead of ``action``, the image's id, with ``action_id``. (templated)
    :param action_id: the action's id. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``.
        (templated)
    :param deferrable: wait in the triggerer instead of a worker; by default as Airflow's setting
        ``operators.default_deferrable`` says.
    :param poke_interval: seconds between two looks, or a ``timedelta``.
    :param timeout: seconds until the wait is given up, or a ``timedelta``; by default 2 hours,
        since transfers of 80 minutes are reported.
    :param proof_timeout: seconds in which the image must show what the completed action did (a
        transfer's region is listed, a converted backup is a snapshot); 0 to skip this.
    """

    template_fields: Sequence[str] = ("action", "image_id", "action_id", "digitalocean_conn_id")
    ui_color = "#d6e7ff"
    operator_extra_links = LINKS

    def __init__(
        self,
        *,
        action: Any = None,
        image_id: int | str | None = None,
        action_id: int | str | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 30.0,
        timeout: timedelta | float = 2 * 60 * 60,
        proof_timeout: float = PROOF_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.action = action
        self.image_id = image_id
        self.action_id = action_id
        self.digitalocean_conn_id = digitalocean_conn_id
        self.deferrable = deferrable
        self.proof_timeout = proof_timeout
        self._hook: DigitalOceanHook | None = None
        self._wait: Wait | None = None
        self._progress: Progress | None = None

    def execute(self, context: Context) -> Any:  # noqa: RET503 - defer() never returns
        """Wait in the way that was asked for, and return the completed action."""
        if is_already_there(self.action):
            self.log.info("Nothing to wait for: what was asked for was there already.")
            return dict(self.action)
        with self._skipped_if_soft():
            self._wait, self._progress = self._begin(context)
            with telling_time_out(self._wait, self._progress.seen, LOOKS):
                if not self.deferrable:
                    return super().execute(context)
                if verdict := self._look(self._wait, self._progress):
                    return self._conclude(verdict)
        self.defer(
            **deferral(
                self._wait,
                poll_interval=self.poke_interval,
                digitalocean_conn_id=self.digitalocean_conn_id,
            )
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        if not self._wait or not self._progress:
            self._wait, self._progress = self._begin(context)
        if verdict := self._look(self._wait, self._progress):
            return PokeReturnValue(is_done=True, xcom_value=self._conclude(verdict))
        return PokeReturnValue(is_done=False)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Return or raise what the trigger found."""
        with self._skipped_if_soft():
            return self._conclude(from_event(Verdict.from_event, event, LOOKS))

    def on_kill(self) -> None:
        """Say that nothing is cancelled."""
        if self._wait:
            self.log.info(goes_on([self._wait]))

    def _begin(self, context: Context) -> tuple[Wait, Progress]:
        with as_airflow_exceptions(LOOKS):
            check_seconds("poke_interval", self.poke_interval)
            image_id, action_id = ids_to_wait_for(self.action, self.image_id, self.action_id)
        started_at, first = time.time(), None
        if self.reschedule and not self.deferrable:
            first = context["ti"].get_first_reschedule_date(context)
            started_at = first.timestamp() if first else started_at
        limit = seconds_until_given_up(self.timeout, self.deferrable and self.execution_timeout)
        given = self.action or {}
        wait = Wait(
            image_id,
            action_id,
            started_at=started_at,
            deadline=started_at + limit - _HEAD_START,
            region=given.get("region_slug"),
            proof_timeout=self.proof_timeout,
            droplet_id=given.get("droplet_id"),
            droplet_name=given.get("droplet_name"),
            outcome=given.get("outcome"),
        )
        # A rescheduled look does not know what the last one found.
        number = context.get("task_reschedule_count", 0) if first else 0
        due = number % max(round(_RETELL / self.poke_interval), 1) == 0
        begun = first is not None
        return wait, Progress([wait], self.poke_interval, begun=begun, tells_failures=due)

    def _look(self, wait: Wait, progress: Progress) -> Verdict | None:
        verdict = run(progress.follow(look_once(wait), wait), self._ask)
        if verdict is None:
            progress.begin()
        return verdict

    def _ask(self, question: Ask) -> Answer:
        self._hook = self._hook or DigitalOceanHook(
            self.digitalocean_conn_id, patience=self.poke_interval
        )
        return self._hook.ask(question)

    def _conclude(self, verdict: Verdict) -> dict[str, Any]:
        if verdict.outcome is not Outcome.COMPLETED or verdict.action is None:
            limit = self.deferrable and self.execution_timeout
            check_execution_timeout(verdict, self.timeout, limit, LOOKS)
            raise sensor_failure(verdict, self.upstream_task_ids)
        self.log.info(explain(verdict))
        return verdict.to_result().to_json()

    @contextmanager
    def _skipped_if_soft(self) -> Iterator[None]:
        """Treat a failure as Airflow does while it pokes or resumes, with Airflow's own words."""
        try:
            yield
        except (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout) as error:
            for switch in ("soft_fail", "never_fail"):
                if getattr(self, switch):
                    raise TaskSkipped(
                        f"Skipping due to {switch} is set to True.", getattr(error, "code", "")
                    ) from error
            raise


def is_already_there(action: Any) -> bool:
    """Whether this is the result of a submit that found nothing left to do."""
    return (
        isinstance(action, Mapping)
        and action.get("image_id") is not None
        and all(name in action for name in ImageAction.FIELDS)
        and action["id"] is None
        and action["status"] is None
    )


def ids_to_wait_for(action: Any, image_id: Any, action_id: Any) -> tuple[int, int]:
    """Return image id and action id from what the sensor was given.

    :raises InvalidInputError: with the line that would be right, for what people get wrong.
    """
    if action is None and (image_id is None or action_id is None):
        raise InvalidInputError(
            "give either action=transfer.output (a result that is not empty), or both image_id and "
            f"action_id; got action={action!r}, image_id={image_id!r}, action_id={action_id!r}"
        )
    if action is None:
        return check_id("image_id", image_id), check_id("action_id", action_id)
    if image_id is not None or action_id is not None:
        raise InvalidInputError("give either action, or image_id and action_id, not both")
    row = _ACTION.row(action)
    return check_id("action['image_id']", row["image_id"]), check_id("action['id']", row["id"])
