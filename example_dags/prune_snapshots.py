"""Every morning: plan which snapshots of a policy to delete.

Nothing is deleted until you trigger a run with ``dry_run`` set to false, or change the default.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators import DigitalOceanPruneSnapshotsOperator

with DAG(
    dag_id="prune_snapshots",
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={"dry_run": Param(True, type="boolean", description="Do not delete snapshots")},
    tags=["digitalocean"],
):
    DigitalOceanPruneSnapshotsOperator(
        task_id="prune",
        policy="first-copy",
        keep_daily=7,
        keep_weekly=4,
        regions=["ams3", "sgp1"],
        max_delete=10,
        dry_run="{{ params.dry_run }}",
    )
