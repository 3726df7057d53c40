"""Copy a snapshot to one more region when the nightly DAG has copied it.

The schedule is an asset alias. The replicate tasks of ``nightly_backup_to_snapshot`` emit an event
on it for each copy. Airflow drops the events of a failed task, so only the audit reports a missing
copy.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import AssetAlias, dag, task

from airflow_provider_do_images.operators import DigitalOceanReplicateImageOperator

log = logging.getLogger(__name__)

COPIES = AssetAlias("prod-nightly-copies")


@dag(
    schedule=[COPIES],
    max_active_runs=1,
    default_args={"retries": 2},  # Airflow can count a deferral as a failed try
    tags=["digitalocean"],
)
def replicate_on_asset() -> None:
    """Read the events, and replicate their images."""

    @task
    def list_new_copies(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return one row per image with new copies.

        Airflow lists the event of a copy twice, under its asset and under the alias, and a cleared
        task emits it again. So copies are counted by image and region.
        """
        events = [event for each in triggering_asset_events.values() for event in each]
        copies = {(one.extra["image_id"], one.extra["region"]): one.extra for one in events}
        for copy in copies.values():
            log.info("Image %s is in %s.", copy["image_id"], copy["region"])
        return list({copy["image_id"]: copy for copy in copies.values()}.values())

    DigitalOceanReplicateImageOperator.partial(
        task_id="replicate",
        regions=["sfo3"],
        deferrable=True,
        map_index_template="{{ task.image.droplet_name }}",
    ).expand(image=list_new_copies())


replicate_on_asset()
