"""The names of policy snapshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.core.snapshots.naming import SnapshotName, check_policy

policies = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True)
moments = st.datetimes(
    datetime(2015, 1, 1),  # noqa: DTZ001 - hypothesis wants bounds without a zone
    datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)


@given(policies, st.integers(1, 2**40), moments)
def test_a_name_survives_as_text(policy, droplet_id, moment):
    """Policy, droplet and time, in whole seconds, are read back."""
    name = SnapshotName(check_policy(policy), droplet_id, moment)

    read = SnapshotName.parse(str(name))

    assert read == SnapshotName(policy, droplet_id, moment.astimezone(UTC).replace(microsecond=0))


@given(st.text(max_size=60))
def test_only_an_exact_name_is_of_the_policy(text):
    """A name that is read is written back exactly; any other name is of no policy."""
    read = SnapshotName.parse(text)

    assert read is None or str(read) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web-01- 2026-11-23",
        "prod-nightly_3164444_20261123T031500",
        "prod-nightly_03164444_20261123T031500Z",
        "prod-nightly_3164444_20261323T031500Z",
        "prod-nightly-_3164444_20261123T031500Z",
        "prod_nightly_3164444_20261123T031500Z",
        " prod-nightly_3164444_20261123T031500Z",
        "copy of prod-nightly_3164444_20261123T031500Z",
        "prod-nightly_3164444_20261123T031500Z\n",
        "prod-nightly_٣_20261123T031500Z",
    ],
)
def test_a_similar_name_is_not_of_the_policy(text):
    """A name that was changed by hand is not the policy's any more."""
    assert SnapshotName.parse(text) is None


def test_the_time_is_written_in_utc():
    """The same moment in two time zones gives the same name."""
    moment = datetime(2026, 11, 23, 5, 15, tzinfo=timezone(timedelta(hours=2)))

    assert str(SnapshotName("p", 7, moment)) == "p_7_20261123T031500Z"


@pytest.mark.parametrize("policy", ["", "prod_nightly", "-prod", "prod-", "a b", "ü", "x" * 64, 5])
def test_an_ambiguous_policy_is_refused(policy):
    """Its names could not be read back."""
    with pytest.raises(InvalidInputError):
        check_policy(policy)
