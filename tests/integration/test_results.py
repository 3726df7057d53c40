"""The results and XComs of tasks have the keys that the page about results names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.simulator.state.models import ActionOutcome

PAGE = (Path(__file__).parent.parent.parent / "docs" / "results.md").read_text()
DOCUMENTED = set(re.findall(r"`(\w+)`", PAGE))


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("name", ["convert", "transfer", "replicate"])
def test_keys_are_documented(sim, backup, snapshot, task_context, xcoms, name):
    """Replicate returns a list with one such dict for each region, in the order given."""
    sim.state.decide_outcome = lambda _: ActionOutcome(seconds=0.0)
    operator, arguments = {
        "convert": (DigitalOceanConvertImageOperator, {"image_id": backup.id}),
        "transfer": (
            DigitalOceanTransferImageOperator,
            {"image_id": snapshot.id, "region": "ams3"},
        ),
        "replicate": (
            DigitalOceanReplicateImageOperator,
            {"image_id": snapshot.id, "regions": ["ams3", "sgp1"], "deferrable": False},
        ),
    }[name]

    result = operator(task_id="t", poll_interval=0.05, **arguments).execute(task_context)

    rows = result if name == "replicate" else [result]
    regions = {"convert": [None], "transfer": ["ams3"], "replicate": ["ams3", "sgp1"]}[name]
    assert [row["region_slug"] for row in rows] == regions
    assert {key for row in rows for key in row} <= DOCUMENTED
    assert xcoms.keys() <= DOCUMENTED
    assert xcoms
