"""Keep a backup as a snapshot with copies in two more regions."""

from airflow.sdk import DAG

from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

with DAG(
    "keep_backup",
    schedule=None,
    max_active_runs=1,
    params={"backup_id": 0},
    default_args={"retries": 2},  # Airflow can count a deferral as a failed try
):
    convert = DigitalOceanConvertImageOperator(
        task_id="convert", image_id="{{ params.backup_id }}", wait_for_completion=True
    )
    transfer = DigitalOceanTransferImageOperator.partial(
        task_id="transfer", image_id=convert.output["image_id"]
    ).expand(region=["ams3", "sgp1"])
    DigitalOceanImageActionSensor.partial(task_id="copied", deferrable=True).expand(
        action=transfer.output
    )
