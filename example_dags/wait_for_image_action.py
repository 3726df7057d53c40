"""Wait for an action that another client submitted, by its ids."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

with DAG(
    dag_id="wait_for_image_action",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    # Airflow can count a deferral as a failed try, so a task that waits needs a retry.
    default_args={"retries": 2},
    params={
        "image_id": Param(0, type="integer", description="Id of the image"),
        "action_id": Param(0, type="integer", description="Id of the action"),
    },
    tags=["digitalocean"],
):
    DigitalOceanImageActionSensor(
        task_id="wait_for_action",
        image_id="{{ params.image_id }}",
        action_id="{{ params.action_id }}",
        deferrable=True,
        poke_interval=15,
    )
