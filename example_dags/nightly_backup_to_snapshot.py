"""Every night: convert each droplet's newest backup, copy the snapshot to two regions, prune.

Each droplet has its own tasks. A droplet without a backup, or with a transfer that errors, fails
its own tasks and the run; all other droplets are copied. Prune is a dry run until you trigger a run
with ``dry_run`` set to false, or change the default.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import AssetAlias, Param, dag, task_group

from airflow_provider_do_images.operators import (
    DigitalOceanConvertImageOperator,
    DigitalOceanListRestorePointsOperator,
    DigitalOceanPruneSnapshotsOperator,
    DigitalOceanReplicateImageOperator,
)

POLICY = "prod-nightly"
REGIONS = ["ams3", "sgp1"]


@dag(
    schedule="0 3 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,  # a missed run cannot be repeated: its backups are no longer the newest
    max_active_runs=1,
    # Airflow can count a deferral as a failed try, so a task that waits needs a retry.
    default_args={"retries": 2},
    params={
        "tag": Param("prod", type="string", description="Selects the droplets"),
        "dry_run": Param(True, type="boolean", description="Do not delete snapshots"),
    },
    tags=["digitalocean"],
)
def nightly_backup_to_snapshot() -> None:
    """List restore points, convert and replicate each of them, then prune."""

    @task_group
    def protect_droplet(restore_point: Any) -> None:
        """Convert one restore point and copy the snapshot."""
        convert = DigitalOceanConvertImageOperator(
            task_id="convert",
            restore_point=restore_point,
            deferrable=True,
            map_index_template="{{ task.restore_point.droplet_name }}",
        )
        DigitalOceanReplicateImageOperator(
            task_id="replicate",
            image=convert.output,
            regions=REGIONS,
            deferrable=True,
            outlets=[AssetAlias("prod-nightly-copies")],
            map_index_template="{{ task.image.droplet_name }}",
        )

    restore_points = DigitalOceanListRestorePointsOperator(
        task_id="list_restore_points",
        policy=POLICY,
        tag="{{ params.tag }}",
        max_backup_age=36 * 60 * 60,  # daily backups; weekly ones need 8 days
    )
    prune = DigitalOceanPruneSnapshotsOperator(
        task_id="prune",
        policy=POLICY,
        keep_daily=7,
        keep_weekly=4,
        regions=REGIONS,
        max_delete=50,  # about one per droplet
        dry_run="{{ params.dry_run }}",
        trigger_rule="all_done",  # prune even if a droplet failed
    )
    # The state of a run is that of its last tasks, and prune succeeds in any case.
    all_protected = EmptyOperator(task_id="all_protected", trigger_rule="none_failed")
    protect_droplet.expand(restore_point=restore_points.output) >> [prune, all_protected]


nightly_backup_to_snapshot()
