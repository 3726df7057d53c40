"""The operator that copies an image to a set of regions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAlias, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_SUBMITS
from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    copies_failure,
    describe_copies,
    from_event,
    log_missing_copies,
)
from airflow_provider_do_images._airflow.task_state import own_transfers
from airflow_provider_do_images._airflow.upstream_rows import read_image_ref
from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.validation import check_flag, check_regions
from airflow_provider_do_images.assets import copy_extra, copy_uri
from airflow_provider_do_images.core.jobs.replicate import ReplicateJob
from airflow_provider_do_images.core.last_copy import describe_source, image_to_json
from airflow_provider_do_images.core.results import (
    ActionResult,
    ReplicationStatus,
    replication_status,
)
from airflow_provider_do_images.core.submit.submitter import NOT_STARTED
from airflow_provider_do_images.core.wait.event import merge_wait_results, read_event
from airflow_provider_do_images.core.wait.spec import VERIFY_TIMEOUT
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import LINKS
from airflow_provider_do_images.operators.base import WaitingOperator
from airflow_provider_do_images.version_compat import conf


class DigitalOceanReplicateImageOperator(WaitingOperator):
    """Copy a snapshot or custom image to every region of a set, and verify the copies.

    The task skips existing copies and attaches to transfers in progress. It submits the missing
    transfers at once, and one deferral waits for all. Each region succeeds or fails independently;
    a retry submits only the missing ones. A transfer in progress that reports no region, and that
    this task did not submit, may be one of the requested ones; the task waits for it before it
    decides.

    Returns a row for each region, in the order of ``regions``
    (:class:`~airflow_provider_do_images.core.results.ActionResult`). The XCom
    ``replication_status`` is ``completed``, ``partial`` or ``failed``. The latter two fail the
    task, after the rows were pushed; Airflow retries it only if a retry may help. The XComs
    ``image_id``, ``action_ids`` and ``expected_seconds`` are available before the wait; the last
    two are dicts by region.

    With an ``AssetAlias`` in its ``outlets`` the task emits an event for each completed copy,
    existing ones included: ``digitalocean://images/<image_id>/<region>``, with ``image_id``,
    ``region``, ``action_id``, ``seconds``, ``droplet_id``, ``droplet_name`` and ``submission`` as
    its extra. Airflow drops the events of a failed task, so a retry emits those of all copies.

    :param image: a row with ``image_id`` and, if known, ``droplet_id`` and ``droplet_name``, such
        as ``convert.output`` or, mapped, ``.expand(image=converts.output)``. (templated)
    :param image_id: instead of ``image``, its id. A backup must be converted first. (templated)
    :param regions: slugs such as ``["ams3", "sgp1"]``, any sequence of them, or text with commas;
        not empty. (templated)
    :param allow_partial: whether ``partial`` is a success; default ``False``. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read`` and
        ``image:update``. With ``regions:read`` the task checks the regions before it submits, with
        ``actions:read`` the log reports typical durations. (templated)
    :param deferrable: whether to wait in the triggerer; default: Airflow's setting
        ``operators.default_deferrable``.
    :param poll_interval: time between two polls, in seconds or as a ``timedelta``; default 30 s, at
        most a day.
    :param timeout: time until the waits time out, in seconds or as a ``timedelta``; default 2 h, at
        most a year. The actions continue at DigitalOcean.
    :param verify_timeout: time in which the image must list the region of a completed transfer, in
        seconds or as a ``timedelta``; default 2 min, at most a day, 0 to skip.
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
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
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
        # Checked when the task runs, like all parameters.
        self.poll_interval = poll_interval  # type: ignore[assignment]
        self.timeout = timeout  # type: ignore[assignment]
        self.verify_timeout = verify_timeout  # type: ignore[assignment]
        self._job: ReplicateJob | None = None

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Submit the missing transfers, wait for all, and return the rows."""
        return self._run(context)

    def execute_unblocked(self, context: Context, event: Any = None) -> list[dict[str, Any]]:
        """Continue to submit now that the transfers that blocked a submit have ended."""
        with airflow_exceptions(CLEARING_SUBMITS, NOT_STARTED):
            self._check_settings()
        return self._run(context, *self._read_unblocked(event))

    def execute_complete(
        self, context: Context, event: Any = None, source: Any = None
    ) -> list[dict[str, Any]]:
        """Return the rows of the finished transfers, or raise their failure.

        :param source: the image as read before the submits; ``dag.test()`` does not pass it on.
        """
        image = Image.from_json(source) if source else None
        rows = from_event(
            lambda value: merge_wait_results(*read_event(value)), event, CLEARING_SUBMITS
        )
        return self._conclude(context, rows, image)

    def _run(
        self,
        context: Context,
        submitted: Sequence[ActionResult] = (),
        deadline: float | None = None,
    ) -> list[dict[str, Any]]:
        with airflow_exceptions(CLEARING_SUBMITS, NOT_STARTED):
            self._check_settings()
            check_flag("allow_partial", self.allow_partial)
            hook = self._make_hook()
            self._job = ReplicateJob(
                hook.get_conn,
                read_image_ref(self.image, self.image_id),
                check_regions(self.regions, least=1),
                self._make_waiter(hook),
                self._timeout,
                self.verify_timeout,
                own_transfers(context),
                lambda key, value: context["ti"].xcom_push(key=key, value=value),
            )
        with airflow_exceptions(CLEARING_SUBMITS, last_copy=self._last_copy):
            rows = self._job.run(submitted, deadline)
        return self._conclude(context, rows, self._job.image)

    def _conclude(
        self, context: Context, rows: Sequence[ActionResult], source: Image | None
    ) -> list[dict[str, Any]]:
        with airflow_exceptions(CLEARING_SUBMITS):
            self._check_settings()
            allow_partial = check_flag("allow_partial", self.allow_partial)
        log_missing_copies(rows)
        status, result = replication_status(rows), [row.to_json() for row in rows]
        context["ti"].xcom_push(key="replication_status", value=status.value)
        if status is ReplicationStatus.FAILED or (
            status is ReplicationStatus.PARTIAL and not allow_partial
        ):
            context["ti"].xcom_push(key="return_value", value=result)
            raise copies_failure(rows, self.timeout, self.execution_timeout, source)
        self.log.info("%s", describe_copies(rows))
        self._add_asset_events(context, rows)
        return result

    def _add_asset_events(self, context: Context, rows: Sequence[ActionResult]) -> None:
        for alias in self.outlets:
            if isinstance(alias, AssetAlias):
                for row in rows:
                    if row.is_completed:
                        asset = Asset(uri=copy_uri(row.image_id, str(row.region)))
                        context["outlet_events"][alias].add(asset, extra=copy_extra(row))

    def _resume_kwargs(self) -> dict[str, Any]:
        source = self._job and self._job.image
        return {"source": image_to_json(source) if source else None}

    def _last_copy(self) -> str:
        """Name the last good copy, if known."""
        job = self._job
        return describe_source(str(job.source), job.image, time.time()) if job else ""
