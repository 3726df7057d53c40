"""Checks of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.http.connection import check_base_url
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import (
    DAY,
    YEAR,
    check_choice,
    check_count,
    check_flag,
    check_id,
    check_interval,
    check_moment,
    check_price,
    check_region,
    check_regions,
    check_seconds,
    check_share,
    check_string,
    check_tag,
    check_tags,
    check_text,
    check_time,
    check_timeout,
    check_verify_timeout,
)
from airflow_provider_do_images.core.snapshots.naming import check_policy


class Lazy(Sequence):
    """A sequence that is not a list, like the output of a mapped task."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Unwritable:
    """A value whose ``repr`` fails."""

    def __repr__(self):
        raise ValueError


ODD = [None, [], {}, b"1", "", " ", "None", "1_2026", "\uff11", "1e3", nan, inf, -inf, Unwritable()]
"""Values that are no number in any form."""


def refuses(check, *arguments, **options):
    """Return whether a check refuses a value, with a message of a readable size."""
    with pytest.raises(InvalidInputError) as caught:
        check(*arguments, **options)
    assert len(str(caught.value)) < 400
    return caught.value.code == "invalid_input"


@given(st.integers(min_value=1, max_value=2**63))
def test_ids_are_numbers_or_their_text(number):
    """A templated string means the number that it writes."""
    assert check_id("image_id", number) == number
    assert check_id("image_id", f" {number} ") == number


def test_an_id_is_read_from_a_row():
    """A row has it under the parameter's name; an action's row has it as ``id``."""
    row = {"id": 7, "image_id": "5", "droplet_id": 3, "more": "x" * 1000}

    assert check_id("image_id", row) == 5
    assert check_id("droplet_id", row) == 3
    assert check_id("action_id", row) == 7
    assert refuses(check_id, "image_id", {"id": 7, "more": "x" * 1000})
    assert refuses(check_id, "image_id", {"image_id": {"image_id": 5}})


@pytest.mark.parametrize("value", [*ODD, 0, -1, "0", "-1", "1.0", 1.0, True, 2**64])
def test_other_ids_are_refused(value):
    """A number out of range is refused, and a text that only starts with an id."""
    assert refuses(check_id, "image_id", value)


@pytest.mark.parametrize("value", [*ODD, -1, "-1", 1.0, True, 10**7, "9" * 21])
def test_other_counts_are_refused(value):
    """A count is a whole number in bounds."""
    assert refuses(check_count, "keep_last", value)


DURATIONS = (check_interval, check_timeout, check_verify_timeout, check_seconds, check_moment)


@pytest.mark.parametrize("check", DURATIONS)
@pytest.mark.parametrize(
    "value", [*ODD, -1, -0.5, timedelta(-1), timedelta.max, True, 1e12, 10**400]
)
def test_durations_are_finite_and_bounded(check, value):
    """For each kind of duration, in each form."""
    assert refuses(check, "timeout", value)


@pytest.mark.parametrize("check", DURATIONS)
@pytest.mark.parametrize("value", [90, 90.0, "90", " 90.0 ", timedelta(seconds=90), Decimal(90)])
def test_durations_have_one_form(check, value):
    """Seconds, their text as a template renders it, and a ``timedelta`` mean the same."""
    assert check("timeout", value) == 90.0


def test_each_duration_has_its_bounds():
    """Only a verification may be skipped with 0."""
    assert check_verify_timeout("verify_timeout", 0) == 0
    assert check_interval("poll_interval", DAY) == DAY
    assert check_timeout("timeout", YEAR) == YEAR
    assert check_seconds("backup_retention_days", "7", unit="days") == 7 * DAY
    assert check_seconds("backup_retention_days", timedelta(7), unit="days") == 7 * DAY
    assert refuses(check_interval, "poll_interval", 0)
    assert refuses(check_interval, "poll_interval", 5e-324)
    assert refuses(check_interval, "poll_interval", DAY + 1)
    assert refuses(check_timeout, "timeout", YEAR + 1)
    assert refuses(check_verify_timeout, "verify_timeout", DAY + 1)


@pytest.mark.parametrize(("value", "share"), [(0, 0.0), ("0.25", 0.25), (0.999, 0.999)])
def test_shares_are_numbers_or_their_text(value, share):
    """The reserve may be 0, but not all of the budget."""
    assert check_share("rate_limit_reserve", value) == share


@pytest.mark.parametrize("value", [*ODD, 1, 1.0, "1", -0.1, 50, "50 %", True])
def test_other_shares_are_refused(value):
    """A percentage is not a share."""
    assert refuses(check_share, "rate_limit_reserve", value)


@pytest.mark.parametrize("value", [*ODD, -0.01, True, 1e7, "$1"])
def test_other_prices_are_refused(value):
    """A price is not negative and has an upper bound."""
    assert refuses(check_price, "usd_per_gib_month", value)


@pytest.mark.parametrize("value", [None, 0, 1, "", "no", [], Unwritable()])
def test_a_switch_is_true_or_false(value):
    """A text that is not empty is not simply true."""
    assert refuses(check_flag, "dry_run", value)
    assert [check_flag("dry_run", one) for one in (True, "false", " True ")] == [True, False, True]


@pytest.mark.parametrize("value", [None, 12026, 1.5, True, [], {}, b"x", Unwritable()])
@pytest.mark.parametrize(
    "check",
    [
        check_region,
        lambda value: check_regions([value]),
        lambda value: check_tag("tag", value),
        lambda value: check_tags([value]),
        lambda value: check_text("droplet_name", value),
        lambda value: check_string("name", value),
        lambda value: check_choice("on_missing", value, ["fail"]),
        check_policy,
    ],
)
def test_numbers_are_not_converted_to_text(check, value):
    """A natively rendered template makes 12026 of ``1_2026``, which is another tag."""
    assert refuses(check, value)


@pytest.mark.parametrize("value", ["", " web-1", "web-1 ", "web\n1", "\ud800", "x" * 256])
def test_text_has_no_blanks_around_it(value):
    """Nor control characters, nor half of a character."""
    assert refuses(check_text, "droplet_name", value)


@pytest.mark.parametrize("slug", ["nyc3", "ams3", "ric1", "blr1", "mkc12"])
def test_region_slugs_pass(slug):
    """Well-formed slugs are left to the API to check."""
    assert check_region(slug) == slug


@given(st.text().filter(lambda text: not text.isascii() or not text.isalnum()))
def test_malformed_slugs_do_not(text):
    """Nothing that could change a path or a body gets through, alone or in a list."""
    assert refuses(check_region, text)
    assert refuses(check_regions, [text])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["ams3"], ("ams3",)),
        (("sgp1", "ams3", "sgp1"), ("sgp1", "ams3")),
        ({"sgp1", "ams3"}, ("ams3", "sgp1")),
        (Lazy("sgp1", "ams3"), ("sgp1", "ams3")),
        ("sgp1, ams3", ("sgp1", "ams3")),
        ("['sgp1', 'ams3']", ("sgp1", "ams3")),
    ],
)
def test_regions_keep_their_order_without_duplicates(value, expected):
    """As a list, a tuple, a set, any other sequence, or the text of a template."""
    assert check_regions(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        [],
        Lazy(),
        "",
        None,
        {"ams3": 1},
        ["ams3", ""],
        ["AMS3"],
        [["ams3"]],
        [" ams3"],
        " ams3",
        "ams3 ",
        "ams3,",
        "['ams3'",
        "[" * 100_000,
        b"ams3",
        range(10**12),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_other_regions_are_refused(value):
    """A slug with blanks around it is refused in each form."""
    assert refuses(check_regions, value, least=1)


def test_tags_are_any_sequence():
    """Each once, whatever its case."""
    assert sorted(check_tags(Lazy("Prod", "nightly", "prod"))) == ["Prod", "nightly"]
    assert check_tags(()) == ()
    assert refuses(check_tags, "nightly")


def test_times_are_moments_of_our_age():
    """A ``datetime`` or its ISO 8601 text, in UTC where it names no offset."""
    moment = datetime(2026, 11, 23, tzinfo=UTC)

    for value in (moment, "2026-11-23T00:00:00Z", "2026-11-23", "2026-11-23T01:00:00+01:00"):
        assert check_time("since", value) == moment
    for value in (*ODD, 20261123, "yesterday", "0001-01-01", "9999-12-31T23:59:59-14:00"):
        assert refuses(check_time, "since", value)


def test_a_message_shows_no_more_than_a_line_of_a_value():
    """Also of one that cannot be written at all."""
    assert len(shorten({"a": "x" * 10_000})) == 80
    assert shorten(10**5000)
    assert shorten(Unwritable()) == "<Unwritable>"


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (None, "https://api.digitalocean.com"),
        ("", "https://api.digitalocean.com"),
        ("https://proxy.example.com:8443/", "https://proxy.example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_base_urls_that_are_safe_pass(value, url):
    """Encrypted anywhere, plain http on this machine only; empty means DigitalOcean."""
    assert check_base_url(value) == url


@pytest.mark.parametrize(
    "value",
    [
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://",
        "//api.digitalocean.com",
        "https://api.digitalocean.com?x=1",
        "https://api.digitalocean.com:port",
        "https://token@api.digitalocean.com",
    ],
)
def test_unsafe_base_urls_are_refused(value):
    """The message names the field, and never repeats the text before an @."""
    with pytest.raises(InvalidInputError, match=r"base URL \(host\)") as caught:
        check_base_url(value)

    assert "token@" not in str(caught.value)


def test_a_number_with_an_invisible_character_is_read_or_refused():
    """Python strips some characters from a text that it does not accept in a number."""
    assert check_seconds("timeout", "5\x1f") == 5
