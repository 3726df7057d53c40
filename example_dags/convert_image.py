"""Convert one backup to a snapshot, in one task that submits and waits."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators import DigitalOceanConvertImageOperator

with DAG(
    dag_id="convert_image",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    # A retry attaches to an action in progress, and submits again only after an errored one.
    default_args={"retries": 2},
    params={"image_id": Param(0, type="integer", description="Id of the backup")},
    tags=["digitalocean"],
):
    DigitalOceanConvertImageOperator(
        task_id="convert",
        image_id="{{ params.image_id }}",
        wait_for_completion=True,
    )
