"""Copy one image to another region: submit in one task, wait in the next."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_do_images.operators import DigitalOceanTransferImageOperator
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

with DAG(
    dag_id="transfer_image",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    # Airflow can count a deferral as a failed try, so a task that waits needs a retry.
    default_args={"retries": 2},
    params={
        "image_id": Param(0, type="integer", description="Id of the snapshot or custom image"),
        "region": Param("ams3", type="string", description="Slug of the region to copy to"),
    },
    tags=["digitalocean"],
):
    transfer = DigitalOceanTransferImageOperator(
        task_id="transfer",
        image_id="{{ params.image_id }}",
        region="{{ params.region }}",
    )
    DigitalOceanImageActionSensor(
        task_id="wait_for_transfer",
        action=transfer.output,
        deferrable=True,
        poke_interval=15,
    )
