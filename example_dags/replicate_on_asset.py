"""When the nightly DAG has copied snapshots: copy them to one more region.

It is scheduled on the copies themselves, not on the clock. The replicate tasks of
nightly_backup_to_snapshot have the alias among their outlets, and tell each copy that has arrived.
Airflow emits no events from a failed task, so this DAG hears of complete sets only; that one is
missing is for the audit to tell.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import AssetAlias, dag, task

from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)

log = logging.getLogger(__name__)

COPIES = AssetAlias("prod-nightly-copies")


@dag(
    schedule=[COPIES],
    max_active_runs=1,
    default_args={"retries": 2},  # Airflow can count a deferral as a failed try
    tags=["digitalocean"],
)
def replicate_on_asset() -> None:
    """Read the events, and replicate the images that they tell of."""

    @task
    def arrived(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return a row for each image that has new copies.

        Airflow lists the event of a copy twice, under its asset and under the alias, and a cleared
        task emits it again. So each copy is taken once, by its image and region.
        """
        events = [event for each in triggering_asset_events.values() for event in each]
        copies = {(one.extra["image_id"], one.extra["region"]): one.extra for one in events}
        for copy in copies.values():
            log.info("Image %s is in %s.", copy["image_id"], copy["region"])
        return list({copy["image_id"]: copy for copy in copies.values()}.values())

    DigitalOceanReplicateImageOperator.partial(
        task_id="replicate",
        regions=["sfo3"],
        map_index_template="{{ task.image.droplet_name }}",
    ).expand(image=arrived())


replicate_on_asset()
