"""The asset events of copies, as Airflow passes them to the example DAG."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime

from airflow.sdk.execution_time.comms import AssetEventDagRunReferenceResult
from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

from airflow_provider_do_images.assets import copy_extra, copy_uri
from airflow_provider_do_images.core.results import ActionResult
from example_dags.replicate_on_asset import COPIES, replicate_on_asset

WANTED = [(7, "ams3"), (7, "sgp1"), (8, "ams3")]


def events_of(copies):
    """Return the events that Airflow stores for those emitted through the alias."""
    return TriggeringAssetEventsAccessor.build(
        AssetEventDagRunReferenceResult.model_validate(
            {
                "asset": {"name": uri, "uri": uri, "extra": {}},
                "extra": copy_extra(ActionResult(image_id, 1, "web", region)),
                "source_task_id": "replicate",
                "source_dag_id": "nightly",
                "source_run_id": "a-run",
                "source_map_index": -1,
                "source_aliases": [{"name": COPIES.name}],
                "timestamp": datetime.now(UTC),
            }
        )
        for image_id, region in copies
        for uri in [copy_uri(image_id, region)]
    )


def test_each_copy_is_processed_once(caplog):
    """Airflow lists each event twice, and a cleared task emits it again."""
    events = events_of([*WANTED, WANTED[0]])
    listed = Counter(
        (event.extra["image_id"], event.extra["region"])
        for each in events.values()
        for event in each
    )
    assert listed == {WANTED[0]: 4, WANTED[1]: 2, WANTED[2]: 2}

    caplog.set_level(logging.INFO)
    rows = replicate_on_asset().get_task("list_new_copies").python_callable(events)

    assert [row["image_id"] for row in rows] == [7, 8]
    assert len([text for text in caplog.messages if text.startswith("Image ")]) == len(WANTED)
