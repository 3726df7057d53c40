"""The operator that copies an image to a set of regions."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAlias, Context

from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    copies_failure,
    from_event,
)
from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.validation import check_flag
from airflow_provider_do_images.assets import copy_extra, copy_uri
from airflow_provider_do_images.core.messages import (
    CLEARING_SUBMITS,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import (
    ReplicationStatus,
    describe_replication,
    is_completed,
    merge_wait_results,
    read_event,
    replication_status,
    source_to_json,
)
from airflow_provider_do_images.core.wait.evaluate import (
    VERIFY_TIMEOUT,
    WaitResult,
    WaitSpec,
    WaitStatus,
)
from airflow_provider_do_images.core.wait.flow import WaitSteps, drive_all, wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.typical_durations import read_typical_durations
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import LINKS
from airflow_provider_do_images.operators.submitting_copies import Copies, SubmitCopiesOperator
from airflow_provider_do_images.triggers.image_actions import deferral_of_all
from airflow_provider_do_images.version_compat import AirflowTaskTimeout


class DigitalOceanReplicateImageOperator(SubmitCopiesOperator):
    """Copy a snapshot or custom image to every region of a set, and see that it is there.

    What is there already, or on the way, is not submitted again; the rest is submitted at once and
    waited for together, in one deferral. Each region ends on its own. A retry submits only what is
    still missing. A transfer of the image that is in progress, does not tell its region and is not
    the task's own may be one of the wanted ones, so the task waits for it before it decides.

    Returns a row for each region, in the order of ``regions``
    (:class:`~airflow_provider_do_images.core.results.ActionResult`): the action's nine fields,
    ``image_id``, ``droplet_id``, ``droplet_name``, and

    ``outcome``
        ``already_exists``, ``submitted``, ``attached``, ``reconciled`` or
        ``refused``;
    ``end``
        ``completed``; of a submit ``refused`` (for good) or ``submit_failed`` (a retry may help);
        of a wait ``errored``, ``timed_out``, ``unverified``, ``not_found``, ``access_denied``,
        ``unknown_status`` or ``internal_error``;
    ``error``
        why it is not ``completed``, in words.

    The XCom ``replication_status`` is ``completed``, ``partial`` or ``failed``. The latter two
    fail the task,
    after the rows have been pushed: with a retry if one region errored, timed out or could not be
    submitted, else without. ``image_id``, ``action_ids`` and ``expected_seconds``, both by region,
    are XComs before the wait begins; the last says how long such copies took lately, or null.

    With an ``AssetAlias`` among its ``outlets`` the task adds an event for each copy that is there:
    ``digitalocean://images/<image_id>/<region>``, with ``image_id``, ``region``, ``action_id``,
    ``seconds`` (how long the action took), ``droplet_id``, ``droplet_name`` and ``outcome`` as its
    extra. In ``triggering_asset_events`` Airflow lists each event twice, under its asset and under
    the alias. Copies that were ``already_exists`` are among them: Airflow drops the events of a
    task that fails, so after a partial result it is the retry that tells of all. A run that is
    cleared
    therefore tells again, as any task with outlets does. With ``allow_partial=False`` nobody hears
    of a partial result that no retry completes, and with ``allow_partial=True`` of those copies
    only that are there: in both cases only an audit of the copies sees what is missing.

    :param image: a row with ``image_id`` and, if known, ``droplet_id`` and ``droplet_name``, whole:
        ``convert.output``, or mapped, ``.expand(image=converts.output)``. (templated)
    :param image_id: instead of ``image``, its id. A backup must be converted first. (templated)
    :param regions: slugs such as ``["ams3", "sgp1"]``, any sequence of them, the output of a mapped
        task included, or text with commas between. An empty one fails the task: nothing would be
        copied. (templated)
    :param allow_partial: whether a partial result is a success. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read`` and
        ``image:update``. With ``regions:read`` a wrong region is refused before anything is sent,
        and with ``actions:read`` the log says how long such copies took lately. (templated)
    :param deferrable: wait in the triggerer, which is the default, or in the worker.
    :param poll_interval: time between two polls, in seconds or as a ``timedelta``, as all times
        here; at most a day.
    :param timeout: how long the task waits, by default 2 hours, at most a year; the actions go on
        then.
    :param verify_timeout: time in which the image must list a region after its action has
        completed; at most a day, 0 to skip this.
    """

    ui_color = "#0069ff"
    ui_fgcolor = "#ffffff"
    operator_extra_links = LINKS
    template_fields: Sequence[str] = (
        "image",
        "image_id",
        "regions",
        "allow_partial",
        "digitalocean_conn_id",
    )

    def __init__(
        self,
        *,
        regions: Sequence[str] | str,
        image: Mapping[str, Any] | None = None,
        image_id: int | str | Mapping[str, Any] | None = None,
        allow_partial: bool | str = False,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        deferrable: bool = True,
        poll_interval: timedelta | float | str = 30.0,
        timeout: timedelta | float | str = 2 * 60 * 60,
        verify_timeout: timedelta | float | str = VERIFY_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.regions = regions
        self.image = image
        self.image_id = image_id
        self.allow_partial = allow_partial
        self.digitalocean_conn_id = digitalocean_conn_id
        self.deferrable = deferrable
        # Checked when the task runs, as all parameters are.
        self.poll_interval = poll_interval  # type: ignore[assignment]
        self.timeout = timeout  # type: ignore[assignment]
        self.verify_timeout = verify_timeout  # type: ignore[assignment]

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Submit what is missing, wait for all, and return the rows."""
        return self._replicate(context, self._prepare(context))

    def execute_unblocked(self, context: Context, event: Any = None) -> list[dict[str, Any]]:
        """Go on submitting, now that the transfers that blocked a submit have ended."""
        begun, deadline = self._read_unblocked(event)
        return self._replicate(context, self._prepare(context, begun), deadline)

    def _replicate(
        self, context: Context, copies: Copies, deadline: float | None = None
    ) -> list[dict[str, Any]]:
        image, deadline = self._submit_all(context, copies, deadline)
        hook, rows = copies.hook, copies.in_order
        context["ti"].xcom_push(key="image_id", value=copies.wanted.image_id)
        ids = {row.region: row.action.id if row.action else None for row in rows}
        context["ti"].xcom_push(key="action_ids", value=ids)
        begun = [row for row in rows if row.end is None]
        if not begun:
            return self._conclude(context, rows, image)
        usual = self._read_typical_seconds(context, hook, image, begun)
        self._waits = self._begin_waits(begun, usual, deadline)
        actions = [row.action for row in begun if row.action]
        progress = WaitProgressLog(self._waits, self.poll_interval, actions)
        progress.begin()
        if self.deferrable and time.time() < deadline:
            self.defer(
                **deferral_of_all(
                    self._waits,
                    [row.to_json() for row in rows],
                    poll_interval=self.poll_interval,
                    digitalocean_conn_id=self.digitalocean_conn_id,
                ),
                kwargs={"source": source_to_json(image)},
            )
        return self._conclude(
            context, merge_wait_results(rows, self._wait_here(hook, progress)), image
        )

    def execute_complete(
        self, context: Context, event: Any = None, source: Any = None
    ) -> list[dict[str, Any]]:
        """Return or raise what the trigger found.

        :param source: the image as it was before the submits; ``dag.test()`` does not hand it on.
        """
        image = Image.from_json(source) if source else None
        return self._conclude(context, from_event(read_event, event, CLEARING_SUBMITS), image)

    def _read_typical_seconds(
        self, context: Context, hook: DigitalOceanHook, image: Image, begun: Sequence[ActionResult]
    ) -> dict[str, float | None]:
        regions = [str(row.region) for row in begun]
        found = read_typical_durations(hook.get_conn(), image, regions)
        for region, usual in found.items():
            if usual:
                size = f"about {image.size_gigabytes:g} GiB"
                self.log.info("Lately copies of %s to %s took %s.", size, region, usual)
        seconds = {region: usual.median if usual else None for region, usual in found.items()}
        context["ti"].xcom_push(key="expected_seconds", value=seconds)
        return seconds

    def _begin_waits(
        self, begun: Sequence[ActionResult], usual: Mapping[str, float | None], deadline: float
    ) -> list[WaitSpec]:
        now = time.time()
        return [
            WaitSpec(
                row.image_id,
                row.action.id,
                started_at=now,
                deadline=deadline,
                region=row.region,
                verify_timeout=self.verify_timeout,
                droplet_id=row.droplet_id,
                droplet_name=row.droplet_name,
                outcome=row.outcome,
                typical_seconds=usual.get(str(row.region)),
            )
            for row in begun
            if row.action
        ]

    def _wait_here(self, hook: DigitalOceanHook, progress: WaitProgressLog) -> list[WaitResult]:
        """Wait in this worker; when Airflow's ``execution_timeout`` ends it, keep what is known."""
        known: dict[int, WaitResult] = {}

        def noting(wait: WaitSpec) -> WaitSteps[WaitResult]:
            flow = wait_until_finished(wait, poll_interval=self.poll_interval)
            known[wait.action_id] = yield from progress.follow(flow, wait)
            return known[wait.action_id]

        try:
            return drive_all([noting(wait) for wait in self._waits], hook.ask, progress.sleep)
        except AirflowTaskTimeout:
            now = time.time()
            return [
                known.get(wait.action_id)
                or WaitResult(WaitStatus.TIMED_OUT, wait, now, progress.seen.get(wait.action_id))
                for wait in self._waits
            ]
        finally:
            progress.flush()

    def _conclude(
        self, context: Context, rows: Sequence[ActionResult], source: Image | None
    ) -> list[dict[str, Any]]:
        with airflow_exceptions(CLEARING_SUBMITS):
            self._check_settings()
            allow_partial = check_flag("allow_partial", self.allow_partial)
        state, result = replication_status(rows), [row.to_json() for row in rows]
        context["ti"].xcom_push(key="replication_status", value=state.value)
        partly = state is ReplicationStatus.PARTIAL and allow_partial
        if state is not ReplicationStatus.COMPLETED and not partly:
            context["ti"].xcom_push(key="return_value", value=result)
            raise copies_failure(rows, self.timeout, self.execution_timeout, source)
        words = describe_replication(rows, time.time(), source)
        self.log.log(logging.WARNING if partly else logging.INFO, "%s", words)
        self._add_asset_events(context, rows)
        return result

    def _add_asset_events(self, context: Context, rows: Sequence[ActionResult]) -> None:
        for alias in self.outlets:
            if isinstance(alias, AssetAlias):
                for row in filter(is_completed, rows):
                    asset = Asset(uri=copy_uri(row.image_id, str(row.region)))
                    context["outlet_events"][alias].add(asset, extra=copy_extra(row))
