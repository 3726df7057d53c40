"""When a list ends, and when it is complete; any order of any pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import InvalidResponseError
from airflow_provider_do_images.api.pagination import (
    MAX_PAGES,
    MAX_READINGS,
    Page,
    iterate_rows,
    read_all_rows,
)

TOTALS = st.none() | st.integers(0, 12)
PAGES = st.builds(
    Page,
    entries=st.lists(st.integers(1, 9).map(lambda number: (number, number)), max_size=4),
    total=TOTALS,
    last=st.booleans(),
)


def page_of(ids, total=None, *, last=False):
    """Return a page whose rows are their ids."""
    return Page([(number, number) for number in ids], total, last)


def counted(fetch):
    """Return the function with a list of the requested pages."""
    asked = []

    def read(number):
        asked.append(number)
        return fetch(number)

    return read, asked


@pytest.mark.parametrize("total", [None, 10**9])
def test_the_number_of_pages_is_bounded_without_a_plausible_total(total):
    """New rows come for ever."""
    fetch, asked = counted(lambda number: page_of([number], total))

    with pytest.raises(InvalidResponseError):
        read_all_rows("/v2/images", fetch)

    assert len(asked) == MAX_PAGES


@given(st.lists(PAGES, min_size=1, max_size=30), st.booleans())
def test_a_list_ends_complete_or_with_an_error(pages, lazy):
    """It has each id once, as many as the last page counts, in a bounded number of requests."""
    fetch, asked = counted(lambda number: pages[(number - 1) % len(pages)])
    try:
        rows = list(iterate_rows("x", fetch) if lazy else read_all_rows("x", fetch))
    except InvalidResponseError:
        rows = None

    longest = 9 + 2  # each page but the last has a new one of nine ids
    assert len(asked) <= MAX_READINGS * longest
    if rows is not None:
        last_reading = asked[len(asked) - asked[::-1].index(1) - 1 :]
        totals = [pages[(number - 1) % len(pages)].total or 0 for number in last_reading]
        assert len(rows) == len(set(rows))
        assert len(rows) >= max(totals)


@given(st.integers(0, 12), st.integers(1, 5))
def test_an_honest_list_is_read_with_one_request_for_each_page(total, size):
    """No page is read twice, and none after the last."""
    ids = list(range(total))
    starts = range(0, max(total, 1), size)
    pages = [page_of(ids[i : i + size], total, last=i == starts[-1]) for i in starts]
    fetch, asked = counted(lambda number: pages[number - 1])

    assert read_all_rows("x", fetch) == ids
    assert asked == list(range(1, len(pages) + 1))


def test_a_lazy_list_reads_no_page_before_it_is_needed():
    """The first row costs one request."""
    fetch, asked = counted(lambda number: page_of([number], 3))

    assert next(iterate_rows("x", fetch)) == 1
    assert asked == [1]
