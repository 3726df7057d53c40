"""Checks of what a user gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.inputs import (
    check_base_url,
    check_id,
    check_region,
    check_regions,
    check_seconds,
    check_share,
)


@given(st.integers(min_value=1, max_value=2**63))
def test_ids_are_numbers_or_their_text(number):
    """A templated string means the number that it writes."""
    assert check_id("image_id", number) == number
    assert check_id("image_id", f" {number} ") == number


@pytest.mark.parametrize(
    "value", [0, -1, "0", "-1", "1.0", "", "None", None, 1.0, True, [], "\uff11"]
)
def test_anything_else_is_no_id(value):
    """The message names the parameter, shows what it got and what would be right."""
    with pytest.raises(InvalidInputError, match=r"image_id must be a positive whole number.*got"):
        check_id("image_id", value)


@pytest.mark.parametrize("slug", ["nyc3", "ams3", "ric1", "blr1", "mkc12"])
def test_region_slugs_pass(slug):
    """Well-formed slugs are left for the API to judge."""
    assert check_region(slug) == slug


@given(st.text().filter(lambda text: not text.isascii() or not text.isalnum()))
def test_malformed_slugs_do_not(text):
    """Nothing that could change a path or a body gets through."""
    with pytest.raises(InvalidInputError, match="region must be a region slug"):
        check_region(text)


@pytest.mark.parametrize("value", [0, -1, "soon", None, float("nan"), float("inf")])
def test_seconds_are_finite_and_above_zero(value):
    """The message names the parameter."""
    with pytest.raises(InvalidInputError, match="timeout must be seconds above 0"):
        check_seconds("timeout", value)


@pytest.mark.parametrize(("value", "share"), [(0, 0.0), ("0.25", 0.25), (0.999, 0.999)])
def test_shares_are_numbers_or_their_text(value, share):
    """Nothing may be kept for others; everything may not."""
    assert check_share("rate_limit_reserve", value) == share


@pytest.mark.parametrize("value", [1, 1.0, "1", -0.1, 50, "50 %", None, float("nan"), [], ""])
def test_anything_else_is_no_share(value):
    """The message names the setting, and a percentage is not taken for a share."""
    with pytest.raises(InvalidInputError, match="rate_limit_reserve must be a share from 0"):
        check_share("rate_limit_reserve", value)


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
def test_base_urls_that_would_lead_the_token_astray_do_not(value):
    """The message names the field, and never repeats what stands before an @."""
    with pytest.raises(InvalidInputError, match=r"base URL \(host\)") as caught:
        check_base_url(value)

    assert "token@" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["ams3"], ("ams3",)),
        (("sgp1", "ams3", "sgp1"), ("sgp1", "ams3")),
        ({"sgp1", "ams3"}, ("ams3", "sgp1")),
        ("sgp1, ams3", ("sgp1", "ams3")),
        ("['sgp1', 'ams3']", ("sgp1", "ams3")),
    ],
)
def test_regions_are_taken_in_their_order_and_once(value, expected):
    """A list, a tuple, a set, or the text that a template makes."""
    assert check_regions(value) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "at least one"),
        ("", "at least one"),
        (None, "at least one"),
        ({"ams3": 1}, "at least one"),
        (["ams3", ""], "each of regions must be a region slug"),
        (["AMS3"], "got 'AMS3'"),
        ([["ams3"]], "each of regions"),
        ("ams3,", "each of regions"),
        ("['ams3'", "at least one"),
    ],
)
def test_other_regions_are_refused(value, words):
    """With words that show what is right."""
    with pytest.raises(InvalidInputError, match=words):
        check_regions(value, least=1)
