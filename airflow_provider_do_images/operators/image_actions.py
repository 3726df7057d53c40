"""The operators that submit image actions, and the one that lists them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import (
    check_id,
    check_price,
    check_region,
    check_tags,
)
from airflow_provider_do_images.core.action_filter import ActionFilter
from airflow_provider_do_images.core.messages import (
    CLEARING_READS,
    CLEARING_SUBMITS,
    as_sentence,
    describe_last_good_copy,
    droplet_text,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.snapshots.claim import (
    RESTORE_POINT,
    SnapshotClaim,
    apply_claim,
    rename_before_convert,
)
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH, monthly_cost
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked
from airflow_provider_do_images.exceptions import (
    NO_RESTORE_POINT,
    PermanentTaskError,
    TaskSkipped,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import ImageLink
from airflow_provider_do_images.operators.base import SubmitImageActionOperator


class DigitalOceanConvertImageOperator(SubmitImageActionOperator):
    """Turn a backup into a snapshot, which no retention deletes and which can be transferred.

    Returns the action's nine fields as the API names them, with ``image_id``, ``outcome`` and
    ``end`` (:class:`~airflow_provider_do_images.core.results.ActionResult`), as one dict for
    :class:`~airflow_provider_do_images.sensors.image_actions.DigitalOceanImageActionSensor`. The
    API names the type ``convert_to_snapshot`` and may answer with a completed action at once.
    ``image_id``, ``action_id``, ``region`` and ``outcome`` are XComs of their own too.

    Before it posts, it looks: what is already there or under way is taken, not done again, so a
    retried or cleared task is safe. ``outcome`` is ``submitted``, ``attached``,
    ``reconciled`` or ``already_exists``; then the fields of the action are null, unless
    the image's history has the completed one.

    With ``restore_point``, a row of
    :class:`.DigitalOceanListRestorePointsOperator`, the task
    always waits, and the snapshot becomes the policy's: it gets the name ``policy_droplet_time``
    (before the convert if the API lets a backup be renamed, else after it) and the tags, and the
    task succeeds when the image shows them. A task that was killed in between goes on when it is
    retried or cleared. An image that somebody else has named meanwhile is left alone, and the task
    fails. The row of a droplet without a backup fails the task, or skips it, with the reason.

    :param image_id: id of the backup, or a row that has it as ``image_id``; the snapshot keeps it.
        (templated)
    :param restore_point: instead of ``image_id``, the row of a backup, whole:
        ``.expand(restore_point=find.output)``. (templated)
    :param tags: with ``restore_point``, names of tags for the snapshot; a tag that exists in
        another case
        is used as the account spells it. They need the scopes ``tag:create`` and ``tag:read``.
        (templated)
    :param usd_per_gib_month: with ``restore_point``, what a GiB of snapshot costs in a month, for
        the log; 0.06 USD by default (DigitalOcean, "Snapshots Pricing").
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read``
        and ``image:update``. (templated)
    :param wait_for_completion: return only when the action has completed.
    :param deferrable: wait, if at all, in the triggerer instead of the worker; by default as
        Airflow's setting ``operators.default_deferrable`` says.
    :param poll_interval: time between two polls, in seconds or as a ``timedelta``, as all times
        here; at most a day.
    :param timeout: how long the task waits, by default 2 hours, at most a year; the action goes on
        then.
    :param verify_timeout: time in which the image must be a snapshot after the action has
        completed, or the task fails; at most a day, 0 to skip this. With ``restore_point`` also in
        which it must show its name and tags, and that is never skipped.
    """

    template_fields: Sequence[str] = ("image_id", "restore_point", "tags", "digitalocean_conn_id")

    def __init__(
        self,
        *,
        image_id: int | str | Mapping[str, Any] | None = None,
        restore_point: Any = None,
        tags: Sequence[str] = (),
        usd_per_gib_month: float | str = USD_PER_GIB_MONTH,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_id=image_id, **kwargs)
        self.restore_point = restore_point
        self.tags = tags
        self.usd_per_gib_month = usd_per_gib_month
        self._claim: SnapshotClaim | None = None

    def _request(self) -> ActionRequest:
        check_price("usd_per_gib_month", self.usd_per_gib_month)
        self._claim = self._read_backup()
        if self._claim is None:
            return ActionRequest(check_id("image_id", self.image_id))
        self.wait_for_completion = True
        return ActionRequest(self._claim.image_id)

    def _submit(self, hook: DigitalOceanHook, request: ActionRequest) -> ActionResult | Blocked:
        claim = self._claim
        if claim is None:
            return super()._submit(hook, request)
        with error_context(image_id=claim.image_id, droplet=claim.droplet):
            rename_before_convert(hook.get_conn(), claim)
            result = super()._submit(hook, request)
        if isinstance(result, Blocked):
            return result
        return replace(result, droplet_id=claim.name.droplet_id, droplet_name=claim.droplet_name)

    def _finish(self, hook: DigitalOceanHook, result: ActionResult) -> dict[str, Any]:
        with airflow_exceptions(self._clearing(result.image_id)):
            # Read again, since a task that was deferred begins anew here.
            claim = self._read_backup()
            if claim is not None:
                if claim.image_id != result.image_id:
                    raise InvalidInputError(
                        f"image {result.image_id} is converted, but the row is of another by now, "
                        f"{claim}: clear the tasks from the one on that chose it"
                    )
                with error_context(image_id=claim.image_id, droplet=claim.droplet):
                    image = apply_claim(hook.get_conn(), claim, verify_timeout=self.verify_timeout)
                price = check_price("usd_per_gib_month", self.usd_per_gib_month)
                cost = monthly_cost(image.size_gigabytes, price)
                self.log.info("%s is kept as %s. It costs %s.", claim, claim.name, cost)
        return super()._finish(hook, result)

    def _last_copy(self, image_id: int) -> str:
        row = self.restore_point
        if row is None:
            return super()._last_copy(image_id)
        if not isinstance(row, Mapping) or row.get("image_id") != image_id:  # another one by now
            return ""
        claim = SnapshotClaim.from_row(row)
        what = f"{claim.found_type} {image_id}, which was found for this task, of"
        return describe_last_good_copy(what, claim.name.taken_at, time.time())

    def _read_backup(self) -> SnapshotClaim | None:
        """Return what the row of a backup asks for, or ``None`` if there is only an id."""
        if self.restore_point is None:
            if check_tags(self.tags):
                raise InvalidInputError("tags need a restore_point instead of image_id")
            return None
        if self.image_id is not None:
            raise InvalidInputError("give either image_id or restore_point, not both")
        row = RESTORE_POINT.row(self.restore_point)
        if reason := row.get("skip_reason"):
            skip = row.get("on_missing") == "skip"
            raise (TaskSkipped if skip else PermanentTaskError)(
                f"nothing to convert for {droplet_text(row['droplet_name'], row['droplet_id'])}: "
                f"{as_sentence(reason)} Nothing was started. Clear the task that chose it, so "
                "that it "
                f"chooses again. {CLEARING_SUBMITS}",
                NO_RESTORE_POINT,
            )
        return SnapshotClaim.from_row(row, self.tags)


class DigitalOceanTransferImageOperator(SubmitImageActionOperator):
    """Copy a snapshot or custom image to another region; it stays where it is, too.

    Returns the action's nine fields as the API names them, with ``image_id``, ``outcome`` and
    ``end`` (:class:`~airflow_provider_do_images.core.results.ActionResult`), as one dict for
    :class:`~airflow_provider_do_images.sensors.image_actions.DigitalOceanImageActionSensor`.
    ``image_id``, ``action_id``, ``region`` and ``outcome`` are XComs of their own too.

    Before it posts, it looks: what is already there or under way is taken, not done again, so a
    retried or cleared task is safe. ``outcome`` is ``submitted``, ``attached``,
    ``reconciled`` or ``already_exists``; then the fields of the action are null, unless
    the image's history has the completed one.

    A transfer of the image that is in progress and does not tell its region may be the requested
    one. The task waits for it before it decides, also without ``wait_for_completion``.

    :param image_id: id of the image, or a row that has it as ``image_id``, such as
        ``convert.output``. A backup must be converted first. (templated)
    :param region: slug of the region to copy to, such as ``ams3``. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scopes ``image:read``
        and ``image:update``. (templated)
    :param wait_for_completion: return only when the action has completed.
    :param deferrable: wait, if at all, in the triggerer instead of the worker; by default as
        Airflow's setting ``operators.default_deferrable`` says.
    :param poll_interval: time between two polls, in seconds or as a ``timedelta``, as all times
        here; at most a day.
    :param timeout: how long the task waits, by default 2 hours, since transfers of 80 minutes are
        reported, and at most a year; the action goes on then.
    :param verify_timeout: time in which the image must list the region after the action has
        completed, or the task fails; at most a day, 0 to skip this.
    """

    template_fields: Sequence[str] = ("image_id", "region", "digitalocean_conn_id")

    def __init__(self, *, region: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region = region

    def _request(self) -> ActionRequest:
        return ActionRequest(check_id("image_id", self.image_id), check_region(self.region))


class DigitalOceanListImageActionsOperator(BaseOperator):
    """Return the history of an image: its actions, newest first, running ones included.

    Each row is a dict of the action's nine fields and ``image_id``. The API has no filters, so all
    pages are read (200 actions each) and filtered here.

    :param image_id: id of the image, or a row that has it as ``image_id``. (templated)
    :param status: only actions with this status: ``in-progress``, ``completed`` or ``errored``.
        (templated)
    :param type: only actions of this type, such as ``transfer``; ``convert`` also matches what the
        API calls ``convert_to_snapshot``. (templated)
    :param region: only actions to this region, by its slug. (templated)
    :param since: only actions started at this time or later: a ``datetime`` or ISO 8601 text, UTC
        if it names no offset. (templated)
    :param limit: at most so many rows. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``.
        (templated)
    """

    operator_extra_links = (ImageLink(),)
    template_fields: Sequence[str] = (
        "image_id",
        "status",
        "type",
        "region",
        "since",
        "limit",
        "digitalocean_conn_id",
    )

    def __init__(
        self,
        *,
        image_id: int | str | Mapping[str, Any],
        status: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's name of the field
        region: str | None = None,
        since: datetime | str | None = None,
        limit: int | str | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.status = status
        self.type = type
        self.region = region
        self.since = since
        self.limit = limit
        self.digitalocean_conn_id = digitalocean_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read, filter and return the rows."""
        with airflow_exceptions(CLEARING_READS):
            wanted = ActionFilter.checked(
                self.status, self.type, self.region, self.since, self.limit
            )
            image_id = check_id("image_id", self.image_id)
            with error_context(image_id=image_id):
                actions = DigitalOceanHook(self.digitalocean_conn_id).list_image_actions(image_id)
        rows = [action.to_json() for action in wanted.apply(actions)]
        self.log.info("%d of %d actions of image %s match.", len(rows), len(actions), image_id)
        return rows
