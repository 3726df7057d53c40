"""Send requests to DigitalOcean: resends, rate limits, and the check of the expected team."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from hashlib import blake2b
from secrets import token_bytes
from typing import Any, Self

from airflow_provider_do_images import __version__
from airflow_provider_do_images.api.errors import (
    AuthenticationError,
    DigitalOceanError,
    InvalidInputError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
)
from airflow_provider_do_images.api.fields import Json
from airflow_provider_do_images.api.http import transport
from airflow_provider_do_images.api.http.connection import (
    DEFAULT_BASE_URL,
    check_base_url,
    is_loopback_url,
)
from airflow_provider_do_images.api.http.rate_limit import DEFAULT_RESERVE, HOUR, MINUTE, RateLimit
from airflow_provider_do_images.api.http.request_window import SentRequests
from airflow_provider_do_images.api.http.retry import RetryPolicy, next_backoff
from airflow_provider_do_images.api.models import Team

log = logging.getLogger(__name__)

USER_AGENT = f"airflow-provider-do-images/{__version__}"
_FINGERPRINT_KEY = token_bytes(16)
"""Of this process alone, so that no fingerprint means anything elsewhere."""


class ApiSession:
    """A session for one token. Not for use by several threads at once.

    :param token: an API token. It is held by the session's auth alone.
    :param base_url: scheme and host; https, unless the host is this machine.
    :param connect_timeout: seconds until a connection must stand.
    :param read_timeout: seconds until the response must have begun, and then until it must be
        whole.
    :param retry: how a failed request is repeated.
    :param reserve: share of the hour's requests that is left to other clients of the token.
    :param max_rate_limit_wait: seconds that a request waits at most while no more than the reserve
        is left, or while this client has sent the unreserved share of a minute; then it is sent
        nevertheless.
    :param verify: whether the server's certificate is checked, or the path of the authorities to
        trust, as ``requests`` takes it.
    :param expected_team: name or uuid of the team that the token must belong to before anything but
        a GET is sent; empty for any. The team is read once, which needs the scope ``account:read``.
    :param user_agent: the ``User-Agent`` header.
    :param token_name: where the user has put the token, for messages.
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
        reserve: float = DEFAULT_RESERVE,
        max_rate_limit_wait: float = 0.0,
        verify: bool | str = True,
        expected_team: str = "",
        user_agent: str = USER_AGENT,
        token_name: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = check_base_url(base_url)
        self.retry = retry
        self.reserve = reserve
        self.rate_limit: RateLimit | None = None
        """The hourly budget from the newest response, if it had one."""
        self.request_id: str | None = None
        """The API's id of the last request, if the response had one."""
        token = transport.check_token(token)
        self.fingerprint = blake2b(token.encode(), key=_FINGERPRINT_KEY).hexdigest()[:16]
        """Equal for clients of this process with the same token, and no way back to it."""
        self._patience = max_rate_limit_wait
        self._timeouts = (connect_timeout, read_timeout)
        self._verify = verify
        # No proxy can reach this machine's own addresses, and plain http would show it the token.
        self._proxies = {"no_proxy": "*"} if is_loopback_url(self.base_url) else None
        self.expected_team = expected_team
        self._team: Team | None = None
        self._token_name = token_name
        self._sleep = sleep
        self._sent = SentRequests()
        self._token_worked = False
        self._told: set[str] = set()
        self._session = transport.open_session(token, user_agent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    def close(self) -> None:
        """Close the connections."""
        transport.close_session(self._session)

    def get_team(self, *, retry: RetryPolicy | None = None) -> Team:
        """Read the team that the token belongs to. Scope ``account:read``.

        :param retry: instead of the client's own rules, for one request.
        """
        body = self.send("GET", "/v2/account", "account:read", retry=retry)
        account = body.get("account")
        return Team.from_json(account.get("team") if isinstance(account, dict) else None)

    def check_team(self, team: Team) -> None:
        """Refuse a team that is not the expected one.

        :raises InvalidInputError: if it is another.
        """
        if self.expected_team not in ("", team.uuid, team.name):
            raise InvalidInputError(
                f"the token belongs to the team {team}, and its connection allows writes only to "
                f"{self.expected_team!r} (expected_team); put a token of that team into it",
                code="wrong_team",
            )

    def send(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        params: dict[str, str] | None = None,
        json: Json | None = None,
        retry: RetryPolicy | None = None,
    ) -> Json:
        """Send a request, resend it where :mod:`.retry` allows, and return the JSON response.

        :param scope: the required scope, for the message if the token lacks it.
        :param retry: instead of the client's own rules, for one request.
        :raises DigitalOceanError: if the last attempt failed.
        :raises InvalidInputError: for a write, if the token is not of the expected team.
        """
        if method != "GET" and self.expected_team:
            self._check_expected_team(f"{method} {path} was not sent")
        self._throttle_hour(method, path)
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._send_once(method, path, params, json)
            except DigitalOceanError as cause:
                error = self._with_request(cause, f"{method} {path}", scope, attempt)
                pause = next_backoff(
                    retry or self.retry,
                    method,
                    error,
                    attempt=attempt,
                    elapsed=time.monotonic() - started,
                    jitter=random.random(),  # noqa: S311 - spreads clients, hides nothing
                    token_worked=self._token_worked,
                )
                if isinstance(error, PermissionDeniedError):
                    self._token_worked = False  # until it works again
                if pause is None:
                    raise error from cause.__cause__
                log.warning("%s. Resending in %.1f s.", str(error).rstrip("."), pause)
            self._sleep(pause)

    def _with_request(
        self, error: DigitalOceanError, request: str, scope: str, attempts: int
    ) -> DigitalOceanError:
        """Return the error with what this session knows about its request."""
        facts: dict[str, Any] = {"request": request, "scope": scope, "attempts": attempts}
        if isinstance(error, AuthenticationError):
            facts["token_name"] = self._token_name
        if isinstance(error, RateLimitedError):
            span = HOUR if error.retry_after is None else MINUTE
            facts["own_requests"] = self._sent.count(span)
        return error.with_facts(**facts)

    def _check_expected_team(self, consequence: str) -> None:
        try:
            self._team = self._team or self.get_team()
            self.check_team(self._team)
        except AuthenticationError:
            raise
        except (InvalidInputError, PermissionDeniedError) as error:
            raise InvalidInputError(f"{consequence}: {error}", code=error.code) from error
        except DigitalOceanError as error:
            raise NotSentError(
                f"{consequence}, since its team is not known: {error}", code=error.code
            ) from error

    def _throttle_hour(self, method: str, path: str) -> None:
        if self.rate_limit is None or self._patience <= 0:
            return
        pause = self.rate_limit.seconds_until_unreserved(self.reserve, time.time())
        if pause := min(pause, self._patience):
            left, limit = self.rate_limit.remaining, self.rate_limit.limit
            self._warn_once(
                f"{left} of the token's {limit} requests an hour are left, and "
                f"{self.rate_limit.reserved(self.reserve):.0f} of them are other clients'; "
                f"waiting {pause:.0f} s before {method} {path}. While that lasts, each request "
                f"waits up to {self._patience:.0f} s.",
                about="reserve",
            )
            self._sleep(pause)
        else:
            self._throttle_minute(self.rate_limit, method, path)

    def _throttle_minute(self, limit: RateLimit, method: str, path: str) -> None:
        """Wait while this client has sent its share of the requests that a minute allows."""
        burst = limit.burst(self.reserve)
        if pause := min(self._sent.seconds_until_fewer(burst, MINUTE), self._patience):
            self._warn_once(
                f"This client sent {burst} requests within a minute; the rest of the minute is "
                f"reserved for other clients of the token. Waiting {pause:.0f} s before {method} "
                f"{path}.",
                about="minute",
            )
            self._sleep(pause)

    def _warn_once(self, words: str, about: str) -> None:
        """Warn of what many requests in a row may meet when the first of them does."""
        if about not in self._told:
            self._told.add(about)
            log.warning("%s", words)

    def _send_once(
        self, method: str, path: str, params: dict[str, str] | None, json: Json | None
    ) -> Json:
        self._sent.add()
        try:
            response = self._session.request(
                method,
                self.base_url + path,
                params=params,
                json=json,
                timeout=self._timeouts,
                proxies=self._proxies,
                verify=self._verify,  # here, since a session's own yields to the environment
                allow_redirects=False,
                stream=True,
            )
        except Exception as error:  # urllib3 and http.client have errors of their own, too
            raise transport.transport_error(error, self.base_url) from error
        self.rate_limit = transport.read_rate_limit(response) or self.rate_limit
        self.request_id = transport.read_request_id(response)
        content = transport.read_content(response, self._timeouts[1])
        body = transport.read_body(response, content)
        self._token_worked = True
        return body
