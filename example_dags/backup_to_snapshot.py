"""Convert a droplet's newest backup and copy the snapshot to three regions, task by task.

Convert and transfer only submit here; sensors wait for the actions. A task of the DAG's own uses
the hook to find the backup.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import dag, task

from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.operators import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

DROPLET = "web-01"
REGIONS = ["ams3", "sfo3", "sgp1"]


@dag(
    schedule="0 3 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,  # a missed run cannot be repeated: its backup is no longer the newest
    max_active_runs=1,
    # Airflow can count a deferral as a failed try, so a task that waits needs a retry.
    default_args={"retries": 2},
    tags=["digitalocean"],
)
def backup_to_snapshot() -> None:
    """Find the newest backup, convert it, copy it, wait for every copy, and report."""

    @task
    def find_newest_backup(droplet: str) -> int:
        """Return the image id of the droplet's newest backup, even if it is converted already.

        A cleared run therefore finds the same image again and submits nothing.
        """
        client = DigitalOceanHook().get_conn()
        [found] = client.list_droplets(name=droplet)
        images = [*client.list_droplet_backups(found.id), *client.list_droplet_snapshots(found.id)]
        for image in sorted(images, key=lambda image: image.created_at, reverse=True):
            history = client.list_image_actions(image.id)
            if image.type == "backup" or any("convert" in action.type for action in history):
                return image.id
        raise ValueError(f"droplet {droplet} has no backup")

    @task
    def report(actions: Any) -> list[str]:
        """Return one line per copy."""
        return [
            f"image {action['image_id']} is in {action['region_slug']} since "
            f"{action['completed_at']} (action {action['id']})"
            for action in actions
        ]

    convert = DigitalOceanConvertImageOperator(
        task_id="convert", image_id=find_newest_backup(DROPLET)
    )
    wait_for_convert = DigitalOceanImageActionSensor(
        task_id="wait_for_convert", action=convert.output
    )
    transfer = DigitalOceanTransferImageOperator.partial(
        task_id="transfer", image_id=convert.output["image_id"]
    ).expand(region=REGIONS)
    wait_for_transfer = DigitalOceanImageActionSensor.partial(
        task_id="wait_for_transfer", deferrable=True, poke_interval=15
    ).expand(action=transfer.output)
    wait_for_convert >> transfer
    report(wait_for_transfer.output)


backup_to_snapshot()
