"""The hook: from an Airflow connection to a client."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_do_images.api import (
    NO_RETRY,
    DigitalOceanError,
    ImageAction,
    InvalidInputError,
    NotSentError,
    PermissionDeniedError,
    RetryPolicy,
)
from airflow_provider_do_images.api.http.connection import check_verify
from airflow_provider_do_images.api.http.rate_limit import DEFAULT_RESERVE
from airflow_provider_do_images.api.validation import (
    check_count,
    check_interval,
    check_seconds,
    check_share,
    check_text,
    is_given,
)
from airflow_provider_do_images.version_compat import AirflowNotFoundException

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection

    from airflow_provider_do_images.api import ApiClient

T = TypeVar("T")

SETTINGS = (
    "connect_timeout",
    "read_timeout",
    "max_retries",
    "rate_limit_reserve",
    "verify",
    "expected_team",
)
"""What the extra of a connection may have."""

MAX_RATE_LIMIT_WAIT = 60.0
"""Seconds for which a worker's request waits at most while only the reserve is left."""


class DigitalOceanHook(BaseHook):
    """Talk to DigitalOcean with the token of an Airflow connection.

    The connection (type ``digitalocean``) has the API token as its password. Its host is empty, or
    the full URL of something that stands in for the API. Its extra may have

    ``connect_timeout``, ``read_timeout``
        in seconds, 10 and 30 by default;
    ``max_retries``
        how often a failed request is sent again at most where that does no harm, 4 by default;
    ``rate_limit_reserve``
        the share of the token's hourly requests that is left to other clients, 0.5 by default:
        while no more is left, each request waits up to a minute;
    ``verify``
        ``true``, ``false``, or the path of the certificates of authorities to trust;
    ``expected_team``
        name or uuid of the only team that anything is written to. Scope ``account:read``.

    Other keys in it are refused, and so is an extra that is not a JSON object.

    Nothing is read or opened before the first call. The methods raise the errors of
    :mod:`airflow_provider_do_images.api.errors`.

    :param digitalocean_conn_id: id of the connection.
    :param max_rate_limit_wait: seconds that such a request waits at most, also no longer than a
        minute.
    """

    conn_name_attr = "digitalocean_conn_id"
    default_conn_name = "digitalocean_default"
    conn_type = "digitalocean"
    hook_name = "DigitalOcean"

    def __init__(
        self,
        digitalocean_conn_id: str = default_conn_name,
        *,
        max_rate_limit_wait: float = MAX_RATE_LIMIT_WAIT,
    ) -> None:
        super().__init__()
        self.digitalocean_conn_id = digitalocean_conn_id
        self.max_rate_limit_wait = max_rate_limit_wait
        self._client: ApiClient | None = None

    def get_conn(self, *, fresh: bool = False) -> ApiClient:
        """Return the client for the connection, with the verbs for all endpoints.

        :param fresh: read the connection again first, since its token may have been replaced.
        :raises NotSentError: if Airflow cannot read the connection now.
        :raises InvalidInputError: if the connection was read and nothing can be sent with it.
        """
        if fresh:
            self.close()
        if self._client is None:
            conn_id = check_text("digitalocean_conn_id", self.digitalocean_conn_id)
            max_rate_limit_wait = check_seconds(
                "max_rate_limit_wait", self.max_rate_limit_wait, least=0.0
            )
            try:
                connection = self.get_connection(conn_id)
            except Exception as error:  # a secrets backend may raise anything
                raise unreadable_connection(conn_id, error) from error
            self._client = create_client(
                connection, max_rate_limit_wait=min(max_rate_limit_wait, MAX_RATE_LIMIT_WAIT)
            )
        return self._client

    def close(self) -> None:
        """Close the client's connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def convert_image(self, image_id: int) -> ImageAction:
        """Submit the conversion of a backup into a snapshot. Token scope ``image:update``."""
        return self.get_conn().convert_image(image_id)

    def transfer_image(self, image_id: int, region: str) -> ImageAction:
        """Submit a copy of an image to another region. Token scope ``image:update``.

        :param region: slug of the destination, such as ``ams3``.
        """
        return self.get_conn().transfer_image(image_id, region)

    def get_image_action(self, image_id: int, action_id: int) -> ImageAction:
        """Read one action of an image. Token scope ``image:read``."""
        return self.get_conn().get_image_action(image_id, action_id)

    def list_image_actions(self, image_id: int) -> list[ImageAction]:
        """Read all actions of an image, newest first. Token scope ``image:read``."""
        return list(self.get_conn().list_image_actions(image_id))

    def test_connection(self) -> tuple[bool, str]:
        """Say what the token can see, whose it is, and how much of its hourly budget is left.

        Asks for one image, which needs the scope ``image:read``, and for the team, which needs
        ``account:read``; the latter may be missing unless the connection expects a team.
        """
        try:
            client = self.get_conn()
            count = client.count_private_images(retry=NO_RETRY)
            team = _team_of(client)
        except PermissionDeniedError as error:
            return False, f"The token is valid but lacks required scopes. {error}"
        except DigitalOceanError as error:
            return False, str(error)
        finally:
            self.close()
        message = (
            f"The token works: it can access {count} private images at {client.base_url}. {team}"
        )
        if limit := client.rate_limit:
            message += f" {limit.remaining} of {limit.limit} requests are left this hour."
        return True, message


def _team_of(client: ApiClient) -> str:
    """Tell which team the token belongs to, if it may say so or has to.

    :raises DigitalOceanError: if it is not the expected one.
    """
    try:
        team = client.get_team(retry=NO_RETRY)
    except PermissionDeniedError:
        if client.expected_team:
            raise
        return "Its team is unknown (scope account:read is missing)."
    client.check_team(team)
    return f"It belongs to the team {team}."


def create_client(connection: Connection, *, max_rate_limit_wait: float) -> ApiClient:
    """Return the client for a connection that has been read.

    :param max_rate_limit_wait: seconds for which a request waits at most while no more than the
        reserve of the token's hourly requests is left.
    :raises InvalidInputError: if nothing can be sent with it; the message names the field to fix.
    """
    from airflow import __version__ as airflow_version  # noqa: PLC0415 - see below

    # A DAG file that is parsed sends nothing, so it need not pay for loading requests.
    from airflow_provider_do_images.api.client import ApiClient  # noqa: PLC0415
    from airflow_provider_do_images.api.http.session import USER_AGENT  # noqa: PLC0415

    where = f"connection {connection.conn_id!r}"
    if connection.conn_type not in (None, "", DigitalOceanHook.conn_type):
        raise InvalidInputError(
            f"{where} has the type {connection.conn_type!r}: its password is sent to DigitalOcean "
            f"only if its type is {DigitalOceanHook.conn_type!r}"
        )
    if connection.port:  # the form sends 0 for a field that it does not show
        raise InvalidInputError(f"{where}: write the port into the host's URL and leave port empty")
    if not connection.password:
        raise InvalidInputError(f"{where} has no token: put the API token into its password")
    try:
        extra = _read_extra(connection.extra)
        return ApiClient(
            connection.password,
            connection.host or "",
            connect_timeout=_setting(extra, "connect_timeout", 10.0, check_interval),
            read_timeout=_setting(extra, "read_timeout", 30.0, check_interval),
            retry=RetryPolicy(attempts=_setting(extra, "max_retries", 4, check_count) + 1),
            reserve=_setting(extra, "rate_limit_reserve", DEFAULT_RESERVE, check_share),
            verify=_setting(extra, "verify", True, check_verify),
            expected_team=_setting(extra, "expected_team", "", check_text),
            max_rate_limit_wait=max_rate_limit_wait,
            user_agent=f"{USER_AGENT} apache-airflow/{airflow_version}",
            token_name="the connection's password",  # noqa: S106 - where it is
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error.message}") from None


def unreadable_connection(conn_id: str, error: Exception) -> NotSentError:
    """Return the error of a connection that Airflow cannot read now.

    Airflow says "not found" also while its secrets backend is away, so this may always pass. The
    text of the error is left out: a backend may quote the connection in it.
    """
    if isinstance(error, AirflowNotFoundException):
        reason = "Airflow does not find it: it is not defined, or its secrets backend is away"
    else:
        reason = f"reading it failed ({type(error).__name__})"
    return NotSentError(
        f"the connection {conn_id!r} (digitalocean_conn_id) could not be read: {reason}. If it is "
        f"missing, add it with type 'digitalocean' and the API token as its password"
    )


def _read_extra(extra: str | None) -> dict[str, Any]:
    """Return the settings of a connection's extra.

    Airflow itself reads an extra that is not JSON as an empty one. A setting that protects would
    be lost without a word, so everything that is not understood is refused here.

    :raises InvalidInputError: if it is not a JSON object of known settings, each given once.
    """
    if not extra or not extra.strip():
        return {}
    try:
        settings = json.loads(extra, object_pairs_hook=_unique)
    except InvalidInputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"its extra is not valid JSON ({type(error).__name__})") from None
    if not isinstance(settings, dict):
        raise InvalidInputError('its extra must be a JSON object, for example {"max_retries": 3}')
    for name in settings:
        if name not in SETTINGS:
            raise InvalidInputError(f"its extra has the unknown setting {_hint(name)}")
    return settings


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    settings = dict(pairs)
    if len(settings) < len(pairs):
        raise InvalidInputError("its extra has a setting twice")
    return settings


def _hint(name: str) -> str:
    plain = name.strip().lower().replace("-", "_").removeprefix("extra__digitalocean__")
    near = get_close_matches(plain, SETTINGS, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SETTINGS)}"
    return f"{name[:60]!r}; {known}"


def _setting(extra: dict[str, Any], name: str, default: Any, check: Callable[[str, Any], T]) -> T:
    value = extra.get(name)
    if not is_given(value):
        return default  # type: ignore[no-any-return]  # untyped, since each setting has its own
    return check(f"{name} in its extra", value.strip() if isinstance(value, str) else value)
