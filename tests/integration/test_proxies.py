"""Proxies of the environment: never for this machine's own addresses, always for others."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.api import DigitalOceanError, NotSentError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.api.http.retry import NO_RETRY
from devtools.answer_server import AnswerServer, http_answer

TOKEN = "dop_v1_0123456789abcdef"
NAMES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]


@pytest.fixture
def proxy(monkeypatch):
    """A proxy that records its requests, in each variable that may name one."""
    for name in [*NAMES, "no_proxy", "NO_PROXY"]:
        monkeypatch.delenv(name, raising=False)
    with AnswerServer(lambda _: http_answer(b"", 502)) as running:
        for name in NAMES:
            monkeypatch.setenv(name, running.url)
        yield running


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
@pytest.mark.parametrize("no_proxy", [None, "", "example.com"])
def test_no_proxy_gets_a_request_to_this_machine(sim, proxy, monkeypatch, host, no_proxy):
    """The simulator works behind a company's proxy, and the token does not leave the machine."""
    if no_proxy is not None:
        monkeypatch.setenv("NO_PROXY", no_proxy)
    image = sim.state.add_image("a-snapshot")

    with ApiClient(TOKEN, sim.url.replace("127.0.0.1", host), retry=NO_RETRY) as client:
        try:
            assert client.transfer_image(image.id, "ams3").id
        except NotSentError:  # nothing listens at the other addresses of this machine
            assert host != "127.0.0.1"

    assert proxy.requests == []


@pytest.mark.parametrize("url", ["http://[::1]:9", "https://127.0.0.1:9", "https://localhost:9"])
def test_this_machine_is_reached_without_a_proxy_over_tls_or_ipv6(proxy, url):
    """For each scheme the connection is direct."""
    with ApiClient(TOKEN, url, retry=NO_RETRY) as client, pytest.raises(NotSentError):
        client.get_image(1)

    assert proxy.requests == []


def test_other_addresses_are_reached_through_the_proxy_without_showing_it_the_token(proxy):
    """The proxy gets a CONNECT with the host's name, and never the token."""
    with (
        ApiClient(TOKEN, "https://api.example.com", retry=NO_RETRY) as client,
        pytest.raises(DigitalOceanError),
    ):
        client.get_image(1)

    [request] = proxy.requests
    assert (request.method, request.target) == ("CONNECT", "api.example.com:443")
    assert TOKEN not in request.head


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("https_proxy", "socks5://127.0.0.1:9"),
        ("https_proxy", "://"),
        ("all_proxy", "ftp://127.0.0.1"),
        ("REQUESTS_CA_BUNDLE", "/no/such/file.pem"),
    ],
)
def test_an_unusable_setting_of_the_environment_sends_nothing(monkeypatch, name, value):
    """It raises an error of this package, and Airflow may retry."""
    for known in NAMES:
        monkeypatch.delenv(known, raising=False)
    monkeypatch.setenv(name, value)

    with (
        ApiClient(TOKEN, "https://api.example.com", sleep=lambda _: None) as client,
        pytest.raises(NotSentError) as caught,
    ):
        client.transfer_image(1, "ams3")

    assert caught.value.code == "not_sent"
