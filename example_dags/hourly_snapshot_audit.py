"""Every hour: fail if a droplet has no recent snapshot in one of the regions.

The DAG only reads. It is separate from the nightly DAG, so it also fails if that one never ran.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators import DigitalOceanAuditSnapshotsOperator

HOUR = 60 * 60

with DAG(
    dag_id="hourly_snapshot_audit",
    schedule="0 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={"tag": Param("prod", type="string", description="Selects the droplets")},
    tags=["digitalocean"],
):
    DigitalOceanAuditSnapshotsOperator(
        task_id="audit",
        policy="prod-nightly",
        tag="{{ params.tag }}",
        regions=["ams3", "sgp1"],
        # At 03:00 a daily backup may be a day old, and the next copy arrives up to 26 hours later.
        max_data_age=50 * HOUR,
        max_copy_age=26 * HOUR,
    )
