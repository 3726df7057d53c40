"""Every hour: fail if a droplet has no new enough snapshot in one of the regions.

It only reads. It is a DAG of its own, so that it also fails when the nightly one never ran.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators.snapshots import DigitalOceanAuditSnapshotsOperator

HOUR = 60 * 60

with DAG(
    dag_id="hourly_copy_audit",
    schedule="0 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={"tag": Param("prod", type="string", description="Droplets with this tag are audited")},
    tags=["digitalocean"],
):
    DigitalOceanAuditSnapshotsOperator(
        task_id="audit",
        policy="prod-nightly",
        tag="{{ params.tag }}",
        regions=["ams3", "sgp1"],
        # A daily backup may be a day old when it is converted at three; the next night's copy may
        # take two hours more to arrive.
        max_data_age=50 * HOUR,
        max_copy_age=26 * HOUR,
    )
