"""What a connection may contain: no setting is dropped silently, in any of its forms."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.hooks.digitalocean import (
    SETTINGS,
    DigitalOceanHook,
    create_client,
)
from airflow_provider_do_images.provider_info import get_provider_info

TOKEN = "dop_v1_0123456789abcdef"


@pytest.fixture
def with_extra(sim):
    """Return the client of a connection with such an extra, as a secrets backend returns it."""

    def make(extra):
        connection = Connection(
            conn_id="do", conn_type="digitalocean", host=sim.url, password=TOKEN, extra=extra
        )
        return create_client(connection, max_rate_limit_wait=0.0)

    return make


@pytest.mark.parametrize(
    "extra",
    [
        "{expected_team: prod}",
        '{"expected_team": "prod",}',
        "{'expected_team': 'prod'}",
        '{"expected_team": "prod"',
        '{"expected_team": "prod"} // ours',
        "expected_team=prod",
        '["expected_team", "prod"]',
        '"expected_team"',
        '"{\\"expected_team\\": \\"prod\\"}"',
        "null",
        "7",
        '{"expected_team": "prod", "expected_team": ""}',
        '{"a":' * 5000,
    ],
    ids=lambda extra: extra[:30],
)
def test_an_extra_that_is_no_json_object_is_refused(with_extra, extra):
    """Airflow would read most of these as an empty extra, without the expected team."""
    with pytest.raises(InvalidInputError) as caught:
        with_extra(extra)

    assert caught.value.code == "invalid_input"
    assert "prod" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("expected-team", "expected_team"),
        ("Expected_Team", "expected_team"),
        ("expectedteam", "expected_team"),
        ("expected_team ", "expected_team"),
        ("extra__digitalocean__expected_team", "expected_team"),
        ("readtimeout", "read_timeout"),
        ("verify_ssl", "verify"),
        ("max_retry", "max_retries"),
    ],
)
def test_an_unknown_setting_is_refused_with_a_suggestion(with_extra, name, meant):
    """A misspelt setting would have no effect."""
    with pytest.raises(InvalidInputError) as caught:
        with_extra(json.dumps({name: "prod"}))

    assert repr(name) in str(caught.value)
    assert repr(meant) in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"expected_team": " "},
        {"expected_team": ["prod"]},
        {"expected_team": {}},
        {"expected_team": False},
        {"expected_team": 0},
        {"verify": 0},
        {"verify": []},
        {"verify": "no"},
        {"verify": " "},
        {"rate_limit_reserve": []},
        {"rate_limit_reserve": "nan"},
        {"max_retries": False},
        {"max_retries": "three"},
        {"read_timeout": 0},
        {"connect_timeout": float("inf")},
    ],
    ids=repr,
)
def test_an_invalid_setting_is_refused(with_extra, settings):
    """It does not count as missing."""
    with pytest.raises(InvalidInputError) as caught:
        with_extra(json.dumps(settings))

    [name] = settings
    assert name in str(caught.value)


@pytest.mark.parametrize("extra", [None, "", " ", "{}", '{"expected_team": null, "verify": ""}'])
def test_empty_fields_are_not_given(with_extra, extra):
    """The form sends empty text, or null, for a field that is left empty."""
    client = with_extra(extra)

    assert client.expected_team == ""
    assert client._verify is True


@pytest.mark.parametrize(
    ("given", "verify"), [("false", False), ("true", True), (False, False), (" True ", True)]
)
def test_the_check_of_certificates_may_be_text(with_extra, given, verify):
    """The form's field is a text."""
    assert with_extra(json.dumps({"verify": given}))._verify is verify


@pytest.mark.parametrize(
    "uri",
    [
        "digitalocean://:{token}@/?expected_team=Another",
        "digitalocean://:{token}@/?__extra__=%7B%22expected_team%22%3A%20%22Another%22%7D",
    ],
)
def test_a_connection_as_uri_keeps_its_team(uri, monkeypatch):
    """Both forms in which Airflow writes an extra into a URI."""
    monkeypatch.setenv("AIRFLOW_CONN_DO", uri.format(token=TOKEN))

    client = create_client(DigitalOceanHook.get_connection("do"), max_rate_limit_wait=0.0)

    assert client.expected_team == "Another"


def test_the_form_offers_each_setting_and_no_other():
    """The hook reads each field of the form."""
    [kind] = get_provider_info()["connection-types"]

    assert set(kind["conn-fields"]) == set(SETTINGS)


@pytest.mark.parametrize(
    "fields",
    [
        {"conn_type": "postgres"},
        {"conn_type": "http"},
        {"password": 12345},
        {"host": 7},
        {"host": "https://exa mple.com"},
        {"host": "https://ex\nample.com"},
        {"host": "https://example.com\\@evil.example"},
    ],
    ids=repr,
)
def test_a_connection_of_another_type_is_refused(fields):
    """The password of another service is not sent to DigitalOcean."""
    values = {"conn_id": "do", "conn_type": "digitalocean", "password": TOKEN, **fields}

    with pytest.raises(InvalidInputError) as caught:
        create_client(Connection(**values), max_rate_limit_wait=0.0)

    assert "'do'" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_connection_without_a_type_is_accepted(connection, sim):
    """JSON in an environment variable need not have one."""
    connection(conn_type="")

    assert DigitalOceanHook().test_connection()[0]
