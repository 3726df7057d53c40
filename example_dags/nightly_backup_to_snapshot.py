"""Every night: each droplet's newest backup becomes a snapshot in two more regions; old ones go.

Each droplet is on its own: one without a backup, or with a transfer that errors, fails its own task
and makes the run red, and the others are copied all the same. Nothing is deleted until the run is
triggered, or the default changed, with ``dry_run`` false.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import AssetAlias, Param, dag, task_group

from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator

POLICY = "prod-nightly"
REGIONS = ["ams3", "sgp1"]


@dag(
    schedule="0 3 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,  # yesterday's backups cannot be converted today
    max_active_runs=1,
    # Airflow can take back a deferred task right after it deferred and count that as a failed try,
    # so a task that waits needs at least one retry.
    default_args={"retries": 2},
    params={
        "tag": Param("prod", type="string", description="Droplets with this tag are kept"),
        "dry_run": Param(True, type="boolean", description="Only say what would be deleted"),
    },
    tags=["digitalocean"],
)
def nightly_backup_to_snapshot() -> None:
    """Find, then convert and replicate for each droplet, then prune."""

    @task_group
    def keep(backup: Any) -> None:
        """Keep one droplet's backup."""
        convert = DigitalOceanConvertImageOperator(
            task_id="convert",
            restore_point=backup,
            map_index_template="{{ task.restore_point.droplet_name }}",
        )
        DigitalOceanReplicateImageOperator(
            task_id="replicate",
            image=convert.output,
            regions=REGIONS,
            outlets=[AssetAlias("prod-nightly-copies")],
            map_index_template="{{ task.image.droplet_name }}",
        )

    find = DigitalOceanListRestorePointsOperator(
        task_id="find",
        tag="{{ params.tag }}",
        policy=POLICY,
        max_backup_age=36 * 60 * 60,  # daily backups; weekly ones need 8 days
    )
    prune = DigitalOceanPruneSnapshotsOperator(
        task_id="prune",
        policy=POLICY,
        keep_daily=7,
        keep_weekly=4,
        regions=REGIONS,
        max_delete=50,  # about one for each droplet
        dry_run="{{ params.dry_run }}",
        trigger_rule="all_done",  # a droplet that could not be kept does not stop the others' prune
    )
    # A run is as its last tasks are, and prune succeeds whatever came before.
    all_kept = EmptyOperator(task_id="all_kept", trigger_rule="none_failed")
    keep.expand(backup=find.output) >> [prune, all_kept]


nightly_backup_to_snapshot()
