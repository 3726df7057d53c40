"""List the transfers of one image in the last 30 days, including those in progress."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators import DigitalOceanListImageActionsOperator

with DAG(
    dag_id="list_image_actions",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={"image_id": Param(0, type="integer", description="Id of the image")},
    tags=["digitalocean"],
):
    DigitalOceanListImageActionsOperator(
        task_id="transfers",
        image_id="{{ params.image_id }}",
        type="transfer",
        since="{{ (dag_run.run_after - macros.timedelta(days=30)).isoformat() }}",
    )
