"""Which regions are posted to: the pure decision of a replication."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import ActionStatus, Image, ImageAction
from airflow_provider_do_images.core.submit.replicate import missing_regions

SLUGS = ["nyc3", "ams3", "sgp1", "blr1"]
REGIONS = st.lists(st.sampled_from(SLUGS), unique=True)
HISTORY = st.lists(
    st.builds(
        ImageAction,
        id=st.integers(1, 50),
        status=st.sampled_from(ActionStatus),
        type=st.sampled_from(["transfer", "convert_to_snapshot"]),
        region_slug=st.sampled_from([None, *SLUGS]),
    ),
    unique_by=lambda action: action.id,
    max_size=8,
)


@given(REGIONS, REGIONS, HISTORY)
def test_existing_and_running_copies_are_not_posted(wanted, there, history):
    """All other regions are, also if a transfer does not report its region."""
    transfers = [action for action in history if action.type == "transfer"]
    begun = {
        action.region_slug for action in transfers if action.status is not ActionStatus.ERRORED
    }

    posted = missing_regions(Image(7, "x", "snapshot", tuple(there)), history, wanted)

    missing = [region for region in wanted if region not in there and region not in begun]
    assert list(posted) == missing
