"""The API's JSON as values: tolerant where the API varies, strict where a guess may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import (
    ActionStatus,
    Image,
    ImageAction,
    InvalidResponseError,
    Region,
    UnknownStatusError,
)
from airflow_provider_do_images.api.models import Droplet

ROW = {
    "id": 3038067722,
    "status": "completed",
    "type": "transfer",
    "started_at": "2026-02-11T08:15:00Z",
    "completed_at": "2026-02-11T08:21:30Z",
    "resource_id": 211604118,
    "resource_type": "image",
    "region": {"slug": "ams3", "name": "Amsterdam 3", "features": ["ipv6"], "available": True},
    "region_slug": "ams3",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
MOMENTS = st.integers(1_400_000_000, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
IDS = st.integers(1, 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
REGIONS = st.builds(
    Region,
    slug=st.sampled_from(["nyc3", "ams3"]),
    name=st.none() | TEXTS,
    available=st.none() | st.booleans(),
    features=st.lists(TEXTS).map(tuple),
)
ACTIONS = st.builds(
    ImageAction,
    id=IDS,
    status=st.sampled_from(ActionStatus),
    type=TEXTS,
    started_at=st.none() | MOMENTS,
    completed_at=st.none() | MOMENTS,
    resource_id=st.none() | IDS,
    resource_type=st.none() | TEXTS,
    region=st.none(),
    region_slug=st.none() | TEXTS.filter(bool),
    image_id=IDS,
)


def test_all_nine_fields_are_read():
    """Each field of the API's row is a field of the value, typed."""
    action = ImageAction.from_json(ROW)

    assert action == ImageAction(
        id=3038067722,
        status=ActionStatus.COMPLETED,
        type="transfer",
        started_at=datetime(2026, 2, 11, 8, 15, tzinfo=UTC),
        completed_at=datetime(2026, 2, 11, 8, 21, 30, tzinfo=UTC),
        resource_id=211604118,
        resource_type="image",
        region=Region("ams3", "Amsterdam 3", available=True, features=("ipv6",)),
        region_slug="ams3",
        image_id=211604118,
    )
    assert action.to_json() == {**ROW, "image_id": 211604118}


@given(ACTIONS, REGIONS)
def test_an_action_survives_json(action, region):
    """It stays the same, with a region and without."""
    assert ImageAction.from_json(action.to_json()) == action
    assert Region.from_json(region.to_json()) == region


@pytest.mark.parametrize(
    ("region", "slug", "expected"),
    [
        (None, None, (None, None)),
        (None, "nyc3", (None, "nyc3")),
        ("nyc3", None, (Region("nyc3"), "nyc3")),
        ({"slug": "nyc3"}, None, (Region("nyc3"), "nyc3")),
        ({}, "nyc3", (None, "nyc3")),
        (7, None, (None, None)),
    ],
)
def test_a_region_may_be_null_a_slug_or_an_object(region, slug, expected):
    """All documented forms are read, and the slug is the same."""
    action = ImageAction.from_json({**ROW, "region": region, "region_slug": slug})

    assert (action.region, action.region_slug) == expected


@pytest.mark.parametrize("text", ["2026-02-11T08:15:00.123456Z", "2026-02-11T08:15:00.5+00:00"])
def test_times_may_have_fractions(text):
    """Fractions of a second, which some responses have, are retained."""
    assert ImageAction.from_json({**ROW, "started_at": text}).started_at.microsecond > 0


@pytest.mark.parametrize("status", ["queued", "", None, "Completed", 1, "complete"])
def test_an_unknown_status_is_an_error(status):
    """Neither running nor a success may be guessed; the error names action and status."""
    with pytest.raises(UnknownStatusError, match="3038067722 has the unknown status"):
        ImageAction.from_json({**ROW, "status": status})


@pytest.mark.parametrize("value", [None, "", "abc", 1.5, True, [], {}])
@pytest.mark.parametrize("kind", [ImageAction, Image, Droplet], ids=lambda kind: kind.__name__)
def test_a_missing_id_is_an_error(kind, value):
    """An action without an id cannot be polled."""
    with pytest.raises(InvalidResponseError, match="no usable id"):
        kind.from_json({**ROW, "id": value})


@given(JSON)
def test_bad_json_raises_only_an_invalid_response(data):
    """Any body is a value or an InvalidResponseError, never a KeyError or a TypeError."""
    for kind in (ImageAction, Image, Droplet, Region):
        try:
            kind.from_json(data)
        except InvalidResponseError:
            continue


@given(st.dictionaries(st.sampled_from([*ROW, "tags", "regions", "name", "size_gigabytes"]), JSON))
def test_odd_fields_other_than_id_and_status_are_accepted(odd):
    """Only id and status can make an action unreadable."""
    row = {**ROW, **odd, "id": 5, "status": "errored"}

    assert ImageAction.from_json(row).id == 5
    assert Image.from_json(row).id == 5


def test_an_image_has_each_region_once():
    """The API's list of regions may have duplicates."""
    image = Image.from_json({"id": "77", "type": "snapshot", "regions": ["nyc3", "ams3", "nyc3"]})

    assert (image.id, image.regions) == (77, ("nyc3", "ams3"))


def test_a_droplet_knows_its_backups():
    """Ids may be numbers or text; the region is its slug."""
    droplet = Droplet.from_json(
        {"id": 1, "name": "web", "region": {"slug": "nyc3"}, "backup_ids": [5, "6", None]}
    )

    assert (droplet.backup_ids, droplet.region) == ((5, 6), "nyc3")
