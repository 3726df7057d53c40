"""The operator that lists the actions of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_READS
from airflow_provider_do_images._airflow.failures import airflow_exceptions
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import check_id
from airflow_provider_do_images.core.action_filter import ActionFilter
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import ImageLink


class DigitalOceanListImageActionsOperator(BaseOperator):
    """List the actions of an image, newest first, including those in progress.

    Each row is a dict of the action's nine fields and ``image_id``. The API has no filters, so the
    task reads all pages (200 actions each) and filters them itself.

    :param image_id: id of the image, or a row that has it as ``image_id``. (templated)
    :param status: only actions with this status: ``in-progress``, ``completed`` or ``errored``.
        (templated)
    :param type: only actions of this type, such as ``transfer``; ``convert`` also matches
        ``convert_to_snapshot``, the API's name. (templated)
    :param region: only actions to this region, by its slug. (templated)
    :param since: only actions that started at this time or later: a ``datetime`` or ISO 8601 text,
        UTC if it has no offset. (templated)
    :param limit: maximum number of rows. (templated)
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
        """Read the actions, filter them and return the rows."""
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
