"""The index of ids by key and time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.simulator.state.sorted_index import SortedIndex

MOMENTS = st.lists(st.integers(0, 9), max_size=30)
PLACES = st.integers(0, 35)


def filled(moments):
    """Return an index with ids 0, 1, ... at these times."""
    index = SortedIndex()
    for id_, moment in enumerate(moments):
        index.add(["key"], moment, id_)
    return index


@given(MOMENTS, PLACES, st.none() | PLACES)
def test_pages_are_slices_of_the_sorted_list(moments, start, stop):
    """Slices from either end are sorted by time and then by id."""
    index = filled(moments)
    ids = [id_ for _, id_ in sorted(zip(moments, range(len(moments)), strict=True))]

    assert index.oldest_first("key", start, stop) == ids[start:stop]
    assert index.newest_first("key", start, stop) == ids[::-1][start:stop]
    assert index.count("key") == len(moments)


@given(MOMENTS, st.sets(st.integers(0, 29)))
def test_removing_undoes_adding(moments, gone):
    """The index is the same as without the removed ids."""
    index = filled(moments)
    kept = [id_ for id_ in range(len(moments)) if id_ not in gone]
    for id_ in gone & set(range(len(moments))):
        index.remove(["key"], moments[id_], id_)

    assert index.oldest_first("key") == sorted(kept, key=lambda id_: (moments[id_], id_))
    assert list(index.keys()) == (["key"] if kept else [])


def test_an_id_is_listed_under_all_its_keys():
    """Each key has a separate list, and an unknown key has none."""
    index = SortedIndex()
    index.add(["all", ("tag", "web")], 1.0, 7)
    index.add(["all"], 0.0, 8)

    assert index.oldest_first("all") == [8, 7]
    assert index.oldest_first(("tag", "web")) == [7]
    assert (index.count("none"), index.newest_first("none")) == (0, [])


def test_removing_an_unknown_key_is_an_error():
    """Removing an unknown key is an error."""
    with pytest.raises(KeyError):
        SortedIndex().remove(["key"], 1.0, 7)
