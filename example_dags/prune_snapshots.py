"""Every morning: say which snapshots of a policy no rule keeps, and delete them if told so.

Nothing is deleted until the run is triggered, or the default changed, with ``dry_run`` false.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator

with DAG(
    dag_id="prune_snapshots",
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={"dry_run": Param(True, type="boolean", description="Only say what would be deleted")},
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
