"""The journal of requests."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator import journal as module
from airflow_provider_do_images.simulator.journal import Journal, JournalEntry, fingerprint


@pytest.fixture
def journal():
    """A journal with four requests."""
    journal = Journal()
    image = "/v2/images/{image_id}"
    journal.add(JournalEntry(1.0, "GET", "/v2/images/1", image, status=200))
    journal.add(JournalEntry(2.0, "GET", "/v2/images/2", image, status=404))
    journal.add(JournalEntry(3.0, "POST", "/v2/images/1/actions", f"{image}/actions", status=201))
    journal.add(JournalEntry(4.0, "POST", "/v2/images/1/actions", f"{image}/actions"))
    return journal


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 4),
        ({"method": "GET"}, 2),
        ({"path": "/v2/images/1"}, 1),
        ({"path": "/v2/images/*"}, 4),
        ({"path": "/v2/images/*/actions", "method": "POST"}, 2),
        ({"path": "/v2/images/*/actions", "status": 201}, 1),
        ({"method": "DELETE"}, 0),
    ],
)
def test_requests_are_counted_by_method_path_and_status(journal, wanted, count):
    """Omitted criteria match all requests, and a path can have wildcards."""
    assert journal.count(**wanted) == count


def test_requests_are_counted_by_endpoint(journal):
    """Requests of all images count for one endpoint."""
    assert journal.counts() == {
        "GET /v2/images/{image_id}": 2,
        "POST /v2/images/{image_id}/actions": 2,
    }


def test_entries_are_in_the_order_of_arrival_and_filled_in_later(journal):
    """The list is a copy, but its entries can be updated."""
    entries = journal.entries
    entries.pop().status = 503

    assert [entry.time for entry in journal.entries] == [1, 2, 3, 4]
    assert journal.count(status=503) == 1


def test_a_cleared_journal_is_empty(journal):
    """No entries remain."""
    journal.clear()

    assert (journal.entries, journal.counts(), journal.count()) == ([], {}, 0)


def test_only_the_newest_requests_are_retained():
    """The number of entries is limited."""
    journal = Journal()
    for number in range(module.MAX_ENTRIES + 1):
        journal.add(JournalEntry(number, "GET", "/"))

    assert journal.entries[0].time == 1
    assert journal.count() == module.MAX_ENTRIES


def test_a_fingerprint_identifies_a_token_without_revealing_it():
    """A token has one fingerprint, which contains no part of the token."""
    token = "dop_v1_0123456789abcdef"

    assert fingerprint(token) == fingerprint(token) != fingerprint(f"{token}0")
    assert len(fingerprint(token)) == 12
    assert token[7:13] not in fingerprint(token)
