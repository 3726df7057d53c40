"""Copy an image and wait for it in one deferred task."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_do_images.operators.image_actions import DigitalOceanTransferImageOperator

with DAG(
    "copy_and_wait",
    schedule=None,
    params={"image_id": 0, "region": "ams3"},
    default_args={"retries": 2},
):
    DigitalOceanTransferImageOperator(
        task_id="copy",
        image_id="{{ params.image_id }}",
        region="{{ params.region }}",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=3,
    )
