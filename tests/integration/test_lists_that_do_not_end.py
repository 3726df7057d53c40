"""Lists whose pages repeat, stop early or miscount: bounded requests, and every gap is found."""

from __future__ import annotations

from itertools import chain, repeat

import pytest

from airflow_provider_do_images.api import InvalidResponseError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.api.pagination import MAX_READINGS
from devtools.answer_server import AnswerServer, json_answer

LISTS = {
    "images": lambda client: client.all_private_images(),
    "droplets": lambda client: client.all_droplets(),
    "actions": lambda client: list(client.list_image_actions(1)),
    "all actions": lambda client: list(client.list_actions()),
    "backups": lambda client: list(client.list_droplet_backups(1)),
    "snapshots": lambda client: list(client.list_droplet_snapshots(1)),
    "tags": lambda client: list(client.list_tags()),
    "regions": lambda client: list(client.list_regions()),
}
"""Every kind of list that something is decided by."""

NEXT, NO_NEXT = True, False


@pytest.fixture
def server():
    """A server that answers every list with the pages of ``serve``."""
    with AnswerServer(lambda _: b"") as running:
        yield running


@pytest.fixture
def client(server):
    """A client whose sleeps take no time."""
    with ApiClient("token", server.url, sleep=lambda _: None) as client:
        yield client


@pytest.fixture
def serve(server):
    """Set the ids of a page, the total and whether the API names a next page."""

    def set_pages(page_of):
        def answer(request):
            ids, total, has_next = page_of(request.page)
            key = request.path.rpartition("/")[2]
            body = {key: [_row(number) for number in ids], "meta": {"total": total}}
            links = {"pages": {"next": "https://example.com/?page=99"}} if has_next else {}
            return json_answer({**body, "links": links})

        server.answer = answer

    return set_pages


def _row(number):
    fields = {"slug": f"r{number}", "name": f"n{number}", "type": "snapshot"}
    return {"id": number, "status": "completed", **fields}


def ids_of(rows):
    """Return the ids of the rows, in the order of the list."""
    return [row.id for row in rows]


@pytest.mark.parametrize("total", [None, 0, 1, 200, 10**9, -5, "many", [7]], ids=repr)
@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_a_repeated_page_ends_the_list_with_an_error(client, server, serve, read, total):
    """After a page without a new row no further page is requested."""
    serve(lambda _: (range(1, 4), total, NEXT))

    with pytest.raises(InvalidResponseError) as caught:
        read(client)

    assert caught.value.code == "incomplete_list"
    assert server.count() == 2


@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_more_pages_than_the_total_allows_end_the_list_with_an_error(client, server, serve, read):
    """New rows come for ever, but the API counts only three."""
    serve(lambda page: ([page], 3, NEXT))

    with pytest.raises(InvalidResponseError):
        read(client)

    assert server.count() <= 5


@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_a_missing_next_does_not_end_a_list_that_has_more_rows(client, server, serve, read):
    """The pages are read by their numbers until there are as many rows as the API counts."""
    pages = {1: range(1, 201), 2: range(201, 251)}
    serve(lambda page: (pages.get(page, []), 250, NO_NEXT))

    rows = read(client)

    assert len(rows) == 250
    assert max(request.page for request in server.requests) == 2


@pytest.mark.parametrize("page_2", [[], range(1, 201)], ids=["empty", "repeated"])
@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_a_list_that_stays_shorter_than_its_total_is_an_error(client, server, serve, read, page_2):
    """It is read three times; nothing is decided by a list with gaps."""
    serve(lambda page: (range(1, 201) if page == 1 else page_2, 250, NO_NEXT))

    with pytest.raises(InvalidResponseError):
        read(client)

    assert server.count() == 2 * MAX_READINGS


@pytest.mark.parametrize("read", [LISTS["images"], LISTS["actions"]], ids=["eager", "lazy"])
def test_a_row_that_moves_to_another_page_is_read_in_the_end(client, server, serve, read):
    """Ids are counted, not rows: a row that occurs twice does not hide another one."""
    moving = chain([[1, 2], [1]], repeat([1, 2]))
    serve(lambda page: ([3] if page == 2 and server.count() > 2 else next(moving), 3, page == 1))

    rows = read(client)

    assert sorted(ids_of(rows)) == [1, 2, 3]
    assert server.count() == 4


def test_a_row_that_changed_while_the_list_was_read_counts_once(client, server, serve):
    """The same image with another name is the same image."""
    names = iter("ab")

    def answer(request):
        row = {**_row(1), "name": next(names)}
        more = {"links": {"pages": {"next": "x"}}} if request.page == 1 else {}
        return json_answer({"images": [row, _row(request.page + 1)], "meta": {"total": 3}, **more})

    server.answer = answer

    assert sorted(ids_of(client.all_private_images())) == [1, 2, 3]


def test_rows_that_cannot_be_read_are_no_gap(client, server, serve):
    """They are counted, and each one's problem is logged once."""
    rows = [_row(1), {"id": 2, "status": "queued"}, {"id": "two"}, None]
    server.answer = lambda _: json_answer({"actions": rows, "meta": {"total": 4}})
    unread = []

    actions = list(client.list_image_actions(1, unread))

    assert ids_of(actions) == [1]
    assert len(unread) == 3
    assert server.count() == 1


def test_a_total_in_another_shape_is_no_count(client, server):
    """An answer whose ``meta`` is a list is an answer without a total."""
    server.answer = lambda _: json_answer({"images": [], "meta": [3]})

    with pytest.raises(InvalidResponseError) as caught:
        client.count_private_images()

    assert caught.value.code == "invalid_response"
