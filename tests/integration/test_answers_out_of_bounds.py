"""Numbers, times, texts and sizes that cannot be right do no harm behind the client."""

from __future__ import annotations

import json

import pytest

from airflow_provider_do_images.api import (
    ApiError,
    InvalidResponseError,
    RateLimitedError,
    TransportError,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.api.errors import may_have_taken_effect
from airflow_provider_do_images.api.http import transport as limits
from airflow_provider_do_images.api.http.retry import NO_RETRY
from devtools.answer_server import AnswerServer, http_answer, json_answer

DIGITS = "9" * 400
IMAGE = {"id": 1, "name": "a-snapshot", "type": "snapshot"}
ACTION = {"id": 2, "status": "in-progress", "type": "transfer"}


@pytest.fixture
def server():
    """A server whose answer each test sets."""
    with AnswerServer(lambda _: json_answer({"image": IMAGE, "action": ACTION})) as running:
        yield running


@pytest.fixture
def client(server, slept):
    """A client whose sleeps take no time."""
    with ApiClient("token", server.url, sleep=slept.append, max_rate_limit_wait=60.0) as client:
        yield client


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ("7", 7.0),
        ("1e12", 3600.0),
        ("-5", 0.0),
        ("inf", None),
        ("nan", None),
        (DIGITS, None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_a_requested_pause_is_bounded(client, server, told, understood):
    """It is at most an hour, after which both rate limits are over; invalid values are ignored."""
    server.answer = lambda _: json_answer({}, 429, {"retry-after": told})

    with pytest.raises(RateLimitedError) as caught:
        client.get_image(1, retry=NO_RETRY)

    assert caught.value.retry_after == understood


@pytest.mark.parametrize("value", [DIGITS, "-1", "nan", "inf", "5_000", "١٢", "0x10", " ", "1e3"])
@pytest.mark.parametrize("name", ["ratelimit-limit", "ratelimit-remaining"])
def test_an_impossible_rate_limit_is_ignored(client, server, name, value):
    """The next request is sent without a pause."""
    headers = {"ratelimit-limit": "5000", "ratelimit-remaining": "1", name: value}
    server.answer = lambda _: http_answer(
        json.dumps({"image": IMAGE}).encode(),
        headers={key: text.encode().decode("latin-1") for key, text in headers.items()},
    )

    assert client.get_image(1).id == client.get_image(1).id
    assert client.rate_limit is None


@pytest.mark.parametrize("reset", [DIGITS, "999999999999", "-1", "soon"])
def test_a_reset_far_away_costs_no_longer_pause(client, server, slept, reset):
    """The pause while the budget is short stays within the client's max_rate_limit_wait."""
    limit = {"ratelimit-limit": "10", "ratelimit-remaining": "1", "ratelimit-reset": reset}
    server.answer = lambda _: json_answer({"image": IMAGE}, headers=limit)

    for _ in range(2):
        client.get_image(1)

    assert [0 < pause <= 60 for pause in slept] == [True]


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2200-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        10**400,
        1e308,
    ],
    ids=lambda moment: str(moment)[:30],
)
def test_a_time_out_of_this_age_counts_as_missing(client, server, moment):
    """Arithmetic with it would overflow far away from here."""
    server.answer = lambda _: json_answer(
        {"image": {**IMAGE, "created_at": moment}, "action": {**ACTION, "started_at": moment}}
    )

    assert client.get_image(1).created_at is None
    assert client.get_image_action(1, 2).started_at is None


@pytest.mark.parametrize("size", [1e999, -1, 10**400, 1e300, "80", True], ids=repr)
def test_a_size_that_cannot_be_right_counts_as_missing(client, server, size):
    """A price is reckoned from it."""
    server.answer = lambda _: json_answer(
        {"image": {**IMAGE, "size_gigabytes": size, "min_disk_size": size}}
    )

    image = client.get_image(1)

    assert (image.size_gigabytes, image.min_disk_size) == (None, None)


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**400, DIGITS, "0", 1.5, True], ids=repr)
def test_an_impossible_id_is_invalid(client, server, number):
    """No database could store it; after a POST the effect is unknown, as after any bad response."""
    server.answer = lambda _: json_answer({"action": {**ACTION, "id": number}})

    with pytest.raises(InvalidResponseError) as caught:
        client.transfer_image(1, "ams3")

    assert may_have_taken_effect(caught.value)
    assert server.count("POST") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"image": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"image": {"id": ' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"image": ' + b"1" * 5000 + b"}",
        b'\xff\xfe{"image"',
        b'{"image": "\xed\xa0\x80"}',
        b"\x1f\x8b\x08\x00",
        b"NaN",
        b"null",
        b"",
    ],
    ids=["open", "deep", "deep-id", "digits", "utf16", "surrogate", "gzip", "nan", "null", "empty"],
)
def test_json_that_cannot_be_read_is_an_answer_that_is_not_documented(client, server, body):
    """However deep, long or wrongly encoded it is."""
    server.answer = lambda _: http_answer(body)

    with pytest.raises(InvalidResponseError) as caught:
        client.get_image(1, retry=NO_RETRY)

    assert len(str(caught.value)) < 1000


def test_text_that_no_database_can_hold_is_replaced(client, server):
    """Lone surrogates and null characters are replaced; the rest of the text stays."""
    server.answer = lambda _: http_answer(
        rb'{"image": {"id": 1, "name": "a\ud800b\u0000c", "tags": ["\udfff"]}}'
    )

    image = client.get_image(1)

    assert image.name == "a?b\N{REPLACEMENT CHARACTER}c"
    assert image.tags == ("?",)


def test_an_endless_body_is_not_read_to_its_end(client, server, monkeypatch):
    """A POST with such a response is not resent."""
    monkeypatch.setattr(limits, "MAX_BODY", 10_000)
    server.answer = lambda _: http_answer(b" " * 1_000_000)

    with pytest.raises(InvalidResponseError) as caught:
        client.transfer_image(1, "ams3")

    assert may_have_taken_effect(caught.value)
    assert server.count("POST") == 1


def test_long_texts_of_an_error_are_cut(client, server):
    """Message, id and request id of an error come from outside, too."""
    body = {"message": "m" * 9000, "id": "i" * 9000, "request_id": "r" * 9000}
    server.answer = lambda _: json_answer(body, 422, {"x-request-id": "h" * 9000})

    with pytest.raises(ApiError) as caught:
        client.get_image(1)

    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=["none", "line", "text", "minus", "short", "chunk", "chunk-minus", "gzip", "many", "long"],
)
def test_after_broken_http_the_effect_is_unknown(client, server, answer):
    """A POST is sent once, may have taken effect, and raises an error of this package."""
    server.answer = lambda _: answer

    with pytest.raises((TransportError, InvalidResponseError)) as caught:
        client.transfer_image(1, "ams3")

    assert may_have_taken_effect(caught.value)
    assert server.count("POST") == 1


@pytest.mark.parametrize("status", [101, 102, 103, 199, 408, 425, 499, 500, 599, 999])
class TestInconclusiveStatuses:
    """After 1xx, 408, 425, 499 and 5xx the effect of the request is unknown."""

    def test_a_get_is_repeated(self, client, server, slept, status):
        """The second response is returned."""
        good = json_answer({"image": IMAGE})
        server.answer = lambda _: json_answer({}, status) if server.count() == 1 else good

        assert client.get_image(1).id == 1
        assert (server.count("GET"), len(slept)) == (2, 1)

    def test_a_post_is_not(self, client, server, status):
        """It may have been carried out."""
        server.answer = lambda _: json_answer({}, status)

        with pytest.raises(ApiError) as caught:
            client.transfer_image(1, "ams3")

        assert may_have_taken_effect(caught.value)
        assert server.count("POST") == 1


@pytest.mark.parametrize("status", [400, 402, 405, 409, 410, 418, 302, 304])
def test_other_statuses_are_not_repeated(client, server, status):
    """The API has decided, or redirects: the same request would get the same response."""
    server.answer = lambda _: json_answer({}, status)

    with pytest.raises(ApiError):
        client.get_image(1)

    assert server.count() == 1
