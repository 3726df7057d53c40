"""The operators that submit a convert or a transfer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_do_images._airflow.clearing import CLEARING_SUBMITS
from airflow_provider_do_images._airflow.upstream_rows import RESTORE_POINT
from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.validation import (
    check_id,
    check_price,
    check_region,
    check_tags,
)
from airflow_provider_do_images.core.jobs.submit import SubmitJob
from airflow_provider_do_images.core.messages import (
    as_sentence,
    describe_last_good_copy,
    droplet_text,
)
from airflow_provider_do_images.core.snapshots.claim import SnapshotClaim
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH
from airflow_provider_do_images.core.submit.decide import ActionRequest
from airflow_provider_do_images.core.wait.spec import VERIFY_TIMEOUT
from airflow_provider_do_images.exceptions import NO_RESTORE_POINT, PermanentTaskError, TaskSkipped
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.operators.base import SubmitImageActionOperator
from airflow_provider_do_images.version_compat import conf

_TIMEOUT = 2 * 60 * 60


class DigitalOceanConvertImageOperator(SubmitImageActionOperator):
    """Convert a backup to a snapshot, which does not expire and can be transferred.

    The submit is idempotent: before the POST the task reads the image and its actions. A retried or
    cleared task attaches to the action that it finds there.

    Returns the row of the action (:class:`~airflow_provider_do_images.core.results.ActionResult`).
    The XComs ``image_id``, ``action_id``, ``region`` and ``submission`` are available before the
    wait. The API reports the type ``convert_to_snapshot``.

    With ``restore_point``, a row of :class:`.DigitalOceanListRestorePointsOperator`, the snapshot
    becomes a policy snapshot: it gets the name ``policy_droplet_time`` and the tags, and the task
    verifies both. The task then always waits. It fails if another client has renamed the image. The
    row of a droplet without a restore point fails or skips the task, with the reason.

    :param image_id: id of the backup, or a row with ``image_id``; the snapshot has the same id.
        (templated)
    :param restore_point: instead of ``image_id``, the row of a restore point:
        ``.expand(restore_point=find.output)``. (templated)
    :param tags: with ``restore_point``, tags for the snapshot. A tag that exists in another case is
        used as the account spells it. Scopes ``tag:create`` and ``tag:read``. (templated)
    :param usd_per_gib_month: with ``restore_point``, the price of a GiB of snapshot per month for
        the cost estimate in the log; default 0.06 USD (DigitalOcean, "Snapshots Pricing").
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read`` and
        ``image:update``. (templated)
    :param wait_for_completion: whether to wait until the action has completed; default ``False``.
    :param deferrable: whether to wait in the triggerer; default: Airflow's setting
        ``operators.default_deferrable``.
    :param poll_interval: time between two polls, in seconds or as a ``timedelta``; default 30 s, at
        most a day.
    :param timeout: time until the wait times out, in seconds or as a ``timedelta``; default 2 h, at
        most a year. The action continues at DigitalOcean.
    :param verify_timeout: time in which a completed action must be visible in the image, in seconds
        or as a ``timedelta``; default 2 min, at most a day, 0 to skip. The name and tags of a
        policy snapshot are always verified.
    """

    template_fields: Sequence[str] = ("image_id", "restore_point", "tags", "digitalocean_conn_id")

    def __init__(
        self,
        *,
        image_id: int | str | Mapping[str, Any] | None = None,
        restore_point: Any = None,
        tags: Sequence[str] = (),
        usd_per_gib_month: float | str = USD_PER_GIB_MONTH,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | str = 30.0,
        timeout: timedelta | float | str = _TIMEOUT,
        verify_timeout: timedelta | float | str = VERIFY_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.restore_point = restore_point
        self.tags = tags
        self.usd_per_gib_month = usd_per_gib_month
        self.digitalocean_conn_id = digitalocean_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        # Checked when the task runs, like all parameters.
        self.poll_interval = poll_interval  # type: ignore[assignment]
        self.timeout = timeout  # type: ignore[assignment]
        self.verify_timeout = verify_timeout  # type: ignore[assignment]

    def _make_job(self, hook: DigitalOceanHook) -> SubmitJob:
        price = check_price("usd_per_gib_month", self.usd_per_gib_month)
        claim = self._read_claim()
        image_id = claim.image_id if claim else check_id("image_id", self.image_id)
        return SubmitJob(
            hook.get_conn,
            ActionRequest(image_id),
            self._make_waiter(hook),
            self._timeout,
            self.verify_timeout,
            self.wait_for_completion,
            claim,
            price,
        )

    def _last_copy(self) -> str:
        claim = self._job and self._job.claim
        if not claim:
            return super()._last_copy()
        if self._image_id not in (None, claim.image_id):  # the row changed while deferred
            return ""
        what = f"{claim.original_type} {claim.image_id}, the restore point, of"
        return describe_last_good_copy(what, claim.name.taken_at, time.time())

    def _read_claim(self) -> SnapshotClaim | None:
        """Return what the row of a restore point requests, or ``None`` if there is only an id."""
        if self.restore_point is None:
            if check_tags(self.tags):
                raise InvalidInputError("tags need a restore_point instead of image_id")
            return None
        if self.image_id is not None:
            raise InvalidInputError("pass either image_id or restore_point, not both")
        row = RESTORE_POINT.row(self.restore_point)
        if reason := row.get("skip_reason"):
            skip = row.get("on_missing") == "skip"
            raise (TaskSkipped if skip else PermanentTaskError)(
                f"nothing to convert for {droplet_text(row['droplet_name'], row['droplet_id'])}: "
                f"{as_sentence(reason)} Clear the task that listed the restore points. "
                f"{CLEARING_SUBMITS}",
                NO_RESTORE_POINT,
            )
        return SnapshotClaim.from_row(row, self.tags)


class DigitalOceanTransferImageOperator(SubmitImageActionOperator):
    """Copy a snapshot or custom image to another region. The source stays where it is.

    The submit is idempotent: before the POST the task reads the image and its actions. A retried or
    cleared task attaches to the action that it finds there. A transfer in progress that reports no
    region may be the requested one; the task waits for it before it decides, also without
    ``wait_for_completion``.

    Returns the row of the action (:class:`~airflow_provider_do_images.core.results.ActionResult`).
    The XComs ``image_id``, ``action_id``, ``region`` and ``submission`` are available before the
    wait.

    :param image_id: id of the image, or a row with ``image_id``, such as ``convert.output``. A
        backup must be converted first. (templated)
    :param region: slug of the target region, such as ``ams3``. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read`` and
        ``image:update``. (templated)
    :param wait_for_completion: whether to wait until the action has completed; default ``False``.
    :param deferrable: whether to wait in the triggerer; default: Airflow's setting
        ``operators.default_deferrable``.
    :param poll_interval: time between two polls, in seconds or as a ``timedelta``; default 30 s, at
        most a day.
    :param timeout: time until the wait times out, in seconds or as a ``timedelta``; default 2 h,
        because transfers of 80 min are reported; at most a year. The action continues at
        DigitalOcean.
    :param verify_timeout: time in which the image must list the region of a completed transfer, in
        seconds or as a ``timedelta``; default 2 min, at most a day, 0 to skip.
    """

    template_fields: Sequence[str] = ("image_id", "region", "digitalocean_conn_id")

    def __init__(
        self,
        *,
        image_id: int | str | Mapping[str, Any],
        region: str,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | str = 30.0,
        timeout: timedelta | float | str = _TIMEOUT,
        verify_timeout: timedelta | float | str = VERIFY_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.region = region
        self.digitalocean_conn_id = digitalocean_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        # Checked when the task runs, like all parameters.
        self.poll_interval = poll_interval  # type: ignore[assignment]
        self.timeout = timeout  # type: ignore[assignment]
        self.verify_timeout = verify_timeout  # type: ignore[assignment]

    def _make_job(self, hook: DigitalOceanHook) -> SubmitJob:
        request = ActionRequest(check_id("image_id", self.image_id), check_region(self.region))
        return SubmitJob(
            hook.get_conn,
            request,
            self._make_waiter(hook),
            self._timeout,
            self.verify_timeout,
            self.wait_for_completion,
        )
