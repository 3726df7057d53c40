"""The client: one session, one way to send, a verb for each endpoint.

Paths, parameters and scopes are those of DigitalOcean's API reference.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import requests
from requests.auth import AuthBase

from airflow_provider_do_images import __version__
from airflow_provider_do_images.api import transport
from airflow_provider_do_images.api.errors import DigitalOceanError, InvalidResponseError
from airflow_provider_do_images.api.inputs import (
    DEFAULT_BASE_URL,
    check_base_url,
    check_id,
    check_region,
)
from airflow_provider_do_images.api.models import Droplet, Image, ImageAction, Json, Region
from airflow_provider_do_images.api.retry import RetryPolicy, pause_before_repeat

log = logging.getLogger(__name__)

USER_AGENT = f"airflow-provider-do-images/{__version__}"
PAGE_SIZE = 200
"""The most rows the API gives on one page."""

T = TypeVar("T")


class _BearerAuth(AuthBase):
    """The only place that holds the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ApiClient:
    """A client for one token. Not for use by several threads at once.

    :param token: an API token. It is held by the session's auth alone.
    :param base_url: scheme and host; https, unless the host is this machine.
    :param connect_timeout: seconds until a connection must stand.
    :param read_timeout: seconds until the answer must have begun, and then until it must be whole.
    :param retry: how a failed request is repeated.
    :param user_agent: the ``User-Agent`` header.
    :param sleep: how to wait between two sendings, for tests.
    :raises InvalidInputError: for an empty token or an unusable base URL.
    """

    def __init__(
        self,
        token: str,
        base_url: str = DEFAULT_BASE_URL,
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        user_agent: str = USER_AGENT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = check_base_url(base_url)
        self.retry = retry
        self.rate_limit: transport.RateLimit | None = None
        """What the newest answer said of the hour's budget, if any did."""
        self._timeouts = (connect_timeout, read_timeout)
        self._sleep = sleep
        self._token_worked = False
        self._session = requests.Session()
        self._session.auth = _BearerAuth(transport.check_token(token))
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ApiClient {self.base_url}>"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # Image actions

    def convert_image(self, image_id: int) -> ImageAction:
        """Make a snapshot of a backup. Scope ``image:update``.

        The answer may already be completed, and its type is ``convert_to_snapshot``.
        """
        return self._post_action(image_id, {"type": "convert"})

    def transfer_image(self, image_id: int, region: str) -> ImageAction:
        """Copy a snapshot or custom image to another region. Scope ``image:update``.

        A backup cannot be transferred; convert it first.
        """
        return self._post_action(image_id, {"type": "transfer", "region": check_region(region)})

    def get_image_action(
        self, image_id: int, action_id: int, *, retry: RetryPolicy | None = None
    ) -> ImageAction:
        """Read one action of an image. Scope ``image:read``.

        :param retry: instead of the client's own rules, for one request.
        """
        image_id, action_id = check_id("image_id", image_id), check_id("action_id", action_id)
        with transport.error_context(image_id=image_id, action_id=action_id):
            body = self._send(
                "GET", f"/v2/images/{image_id}/actions/{action_id}", "image:read", retry=retry
            )
            action = ImageAction.from_json(body.get("action"), image_id)
            if action.id != action_id:
                raise InvalidResponseError(f"asked for action {action_id}, got {action.id}")
            return action

    def list_image_actions(self, image_id: int) -> Iterator[ImageAction]:
        """Read the history of an image page by page, newest first. Scope ``image:read``."""
        image_id = check_id("image_id", image_id)

        def read(row: Any) -> ImageAction:
            return ImageAction.from_json(row, image_id)

        with transport.error_context(image_id=image_id):
            yield from self._rows(f"/v2/images/{image_id}/actions", "actions", "image:read", read)

    def list_actions(self) -> Iterator[ImageAction]:
        """Read the actions on all the account's things, newest first. Scope ``actions:read``."""
        return self._rows("/v2/actions", "actions", "actions:read", ImageAction.from_json)

    # Images, droplets, regions

    def get_image(self, image_id: int, *, retry: RetryPolicy | None = None) -> Image:
        """Read one image. Scope ``image:read``.

        :param retry: instead of the client's own rules, for one request.
        """
        image_id = check_id("image_id", image_id)
        with transport.error_context(image_id=image_id):
            body = self._send("GET", f"/v2/images/{image_id}", "image:read", retry=retry)
            return Image.from_json(body.get("image"))

    def list_images(self, *, private: bool = True, tag: str | None = None) -> Iterator[Image]:
        """Read images, oldest first: the own ones, backups included, or all. Scope ``image:read``.

        :param tag: only images with this tag. Needs scope ``tag:read`` too.
        """
        params = {"private": "true"} if private else {}
        if tag:
            params["tag_name"] = tag
        return self._rows("/v2/images", "images", "image:read", Image.from_json, params)

    def count_private_images(self, *, retry: RetryPolicy | None = None) -> int:
        """Return how many images of its own the token can see. Scope ``image:read``."""
        params = {"private": "true", "per_page": "1"}
        body = self._send("GET", "/v2/images", "image:read", params=params, retry=retry)
        total = (body.get("meta") or {}).get("total")
        if not isinstance(total, int):
            raise InvalidResponseError("the list of images has no total")
        return total

    def list_droplets(
        self, *, name: str | None = None, tag: str | None = None
    ) -> Iterator[Droplet]:
        """Read droplets by exact name or by tag, or all. GPU droplets are not among them.

        Scope ``droplet:read``; a tag needs ``tag:read``, ``backup_ids`` need ``image:read``.
        """
        params = {key: value for key, value in (("name", name), ("tag_name", tag)) if value}
        return self._rows("/v2/droplets", "droplets", "droplet:read", Droplet.from_json, params)

    def list_droplet_backups(self, droplet_id: int) -> Iterator[Image]:
        """Read a droplet's backups, in no promised order. Scope ``droplet:read``."""
        path = f"/v2/droplets/{check_id('droplet_id', droplet_id)}/backups"
        return self._rows(path, "backups", "droplet:read", Image.from_json)

    def list_droplet_snapshots(self, droplet_id: int) -> Iterator[Image]:
        """Read a droplet's snapshots, converted backups included. Scope ``droplet:read``."""
        path = f"/v2/droplets/{check_id('droplet_id', droplet_id)}/snapshots"
        return self._rows(path, "snapshots", "droplet:read", Image.from_json)

    def list_regions(self) -> Iterator[Region]:
        """Read the regions that this account sees. Scope ``regions:read``."""
        return self._rows("/v2/regions", "regions", "regions:read", Region.from_json)

    # One way to send

    def _post_action(self, image_id: int, body: Json) -> ImageAction:
        image_id = check_id("image_id", image_id)
        with transport.error_context(image_id=image_id, region=body.get("region")):
            answer = self._send("POST", f"/v2/images/{image_id}/actions", "image:update", json=body)
            return ImageAction.from_json(answer.get("action"), image_id)

    def _rows(
        self,
        path: str,
        key: str,
        scope: str,
        read: Callable[[Any], T],
        params: dict[str, str] | None = None,
    ) -> Iterator[T]:
        """Read all pages lazily; a row that cannot be read is logged and left out.

        Pages are counted, not followed by address: the token goes to the base URL alone.
        """
        page = 1
        while True:
            wanted = {**(params or {}), "page": str(page), "per_page": str(PAGE_SIZE)}
            body = self._send("GET", path, scope, params=wanted)
            rows = body.get(key)
            if not isinstance(rows, list):
                raise InvalidResponseError(f"the answer to {path} has no list of {key}")
            for row in rows:
                try:
                    item = read(row)
                except InvalidResponseError as error:
                    log.warning("Left out a row of %s: %s", path, error)
                else:
                    yield item
            if not rows or not transport.has_next_page(body):
                return
            page += 1

    def _send(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        params: dict[str, str] | None = None,
        json: Json | None = None,
        retry: RetryPolicy | None = None,
    ) -> Json:
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._send_once(method, path, params, json)
            except DigitalOceanError as error:
                error.request, error.scope, error.attempts = f"{method} {path}", scope, attempt
                pause = pause_before_repeat(
                    retry or self.retry,
                    method,
                    error,
                    attempt=attempt,
                    elapsed=time.monotonic() - started,
                    jitter=random.random(),  # noqa: S311 - spreads clients, hides nothing
                    token_worked=self._token_worked,
                )
                if pause is None:
                    raise
                log.warning("%s Sending it again in %.1f s.", error, pause)
            self._sleep(pause)

    def _send_once(
        self, method: str, path: str, params: dict[str, str] | None, json: Json | None
    ) -> Json:
        try:
            response = self._session.request(
                method,
                self.base_url + path,
                params=params,
                json=json,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise transport.transport_error(error) from error
        self.rate_limit = transport.read_rate_limit(response) or self.rate_limit
        content = transport.read_content(response, self._timeouts[1])
        body = transport.read_body(response, content)
        self._token_worked = True
        return body
