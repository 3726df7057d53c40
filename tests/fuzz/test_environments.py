"""Connections and environments of any kind: a documented error, or a request to the right place."""

from __future__ import annotations

import json
import os
from unittest.mock import patch

from airflow.sdk import Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.api.http.retry import NO_RETRY
from airflow_provider_do_images.hooks.digitalocean import SETTINGS, create_client
from devtools.answer_server import json_answer
from devtools.answers import JSON, TEXTS

TOKEN = "dop_v1_0123456789abcdef"
TEAM = {"name": "My Team", "uuid": "5df3e300"}
NAMES = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy"]
ADDRESSES = st.sampled_from(
    ["", "http://127.0.0.1:9", "socks5://127.0.0.1:9", "://", "[", "a b", "http://u:p@x:y", "*"]
)
ENVIRONMENTS = st.dictionaries(
    st.sampled_from([*NAMES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"]), ADDRESSES
)
NEAR = ["expected-team", "Expected_Team", "extra__digitalocean__verify", "timeout", "proxies"]
VALUES = st.sampled_from(["My Team", "5df3e300", "Another", " ", "", "false", "0.5", 3]) | JSON
EXTRAS = st.dictionaries(st.sampled_from(SETTINGS), VALUES, max_size=3) | st.dictionaries(
    st.sampled_from([*SETTINGS, *NEAR]) | TEXTS, VALUES, max_size=3
)
FORMS = st.one_of(
    EXTRAS.map(json.dumps),
    EXTRAS.map(str),
    EXTRAS.map(lambda extra: json.dumps(extra)[:-1]),
    EXTRAS.map(lambda extra: json.dumps(extra)[:-1] + ",}"),
    EXTRAS.map(lambda extra: json.dumps(json.dumps(extra))),
    JSON.map(json.dumps),
    TEXTS,
    st.none(),
)
ODD_HOSTS = st.sampled_from(
    [
        "http://localhost:0",
        "http://[::1]:9",
        "https://127.0.0.1:9",
        "http://x",
        "https://",
        "[",
        "//",
    ]
)
FIELDS = st.fixed_dictionaries(
    {"extra": FORMS},
    optional={
        "conn_type": st.sampled_from(["digitalocean", "", "http", "postgres", None]),
        "password": st.sampled_from(["", " ", "a\nb", "\xe9", None, 5]) | TEXTS,
        "host": ODD_HOSTS | TEXTS,
        "port": st.sampled_from([0, None, 443, -1]),
        "login": TEXTS,
        "schema": TEXTS,
    },
)
PROXIES = [name for name in os.environ if name.lower().endswith("_proxy")]


def answer(request):
    """Answer what a transfer asks for."""
    action = {"id": 2, "status": "in-progress", "type": "transfer"}
    return json_answer({"account": {"team": TEAM}, "action": action})


def expected_team_of(extra):
    """Return the team that an extra names, or fail if it is none that may be used."""
    known = json.loads(extra) if extra and extra.strip() else {}
    assert set(known) <= set(SETTINGS)
    return known.get("expected_team")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS, environment=ENVIRONMENTS)
def test_a_connection_leads_to_the_right_team_or_to_a_documented_error(server, fields, environment):
    """Nothing is written unless the extra was understood and names this team, or none."""
    server.requests.clear()
    server.answer = answer
    clean = {key: value for key, value in os.environ.items() if key not in PROXIES}
    values = {"conn_type": "digitalocean", "host": server.url, "password": TOKEN, **fields}
    with patch.dict(os.environ, {**clean, **environment}, clear=True):
        try:
            with create_client(
                Connection(conn_id="do", **values), max_rate_limit_wait=0.0
            ) as client:
                client._sleep = lambda _: None
                client.retry = NO_RETRY
                client.transfer_image(1, "ams3")
        except DigitalOceanError as error:
            str(error).encode("utf-8")

    posts = [request for request in server.requests if request.method == "POST"]
    assert len(posts) <= 1
    if posts:
        assert values["conn_type"] in (None, "", "digitalocean")
        assert (expected_team_of(values["extra"]) or "").strip() in ("", *TEAM.values())
    for request in server.requests:
        assert request.target.startswith("/v2/")
