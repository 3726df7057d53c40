"""Copy a droplet's image in one deferred task, with a connection that the run names."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)

with DAG(
    "copy_of_droplet",
    schedule=None,
    params={"connection": "digitalocean_default", "image_id": 0, "droplet_id": 0},
    default_args={"retries": 2},
):
    DigitalOceanReplicateImageOperator(
        task_id="copy",
        image={"image_id": "{{ params.image_id }}", "droplet_id": "{{ params.droplet_id }}"},
        regions=["ams3"],
        deferrable=True,
        poll_interval=3,
        digitalocean_conn_id="{{ params.connection }}",
    )
