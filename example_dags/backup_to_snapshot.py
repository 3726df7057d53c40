"""Keep a droplet's newest backup as a snapshot in three regions.

Backups expire after 7 days or 4 weeks and stay in the droplet's own region. This DAG converts the
newest one into a snapshot, which does not expire, and copies that to three more regions at once.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import dag, task

from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

DROPLET = "web-01"
REGIONS = ["ams3", "sfo3", "sgp1"]


@dag(
    schedule="0 3 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,  # yesterday's backup cannot be converted today
    max_active_runs=1,
    # Airflow can take back a deferred task right after it deferred and count that as a failed try,
    # so a task that waits needs at least one retry.
    default_args={"retries": 2},
    tags=["digitalocean"],
)
def backup_to_snapshot() -> None:
    """Find the newest backup, convert it, copy it, wait for every copy, and sum up."""

    @task
    def newest_backup(droplet: str) -> int:
        """Return the image id of the droplet's newest backup, also if it was converted before.

        So a cleared run finds the same one again, and does nothing twice.
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
    def summary(actions: Any) -> list[str]:
        """Return one line for each copy."""
        return [
            f"image {action['image_id']} is in {action['region_slug']} since "
            f"{action['completed_at']} (action {action['id']})"
            for action in actions
        ]

    convert = DigitalOceanConvertImageOperator(task_id="convert", image_id=newest_backup(DROPLET))
    converted = DigitalOceanImageActionSensor(task_id="converted", action=convert.output)
    transfer = DigitalOceanTransferImageOperator.partial(
        task_id="transfer", image_id=convert.output["image_id"]
    ).expand(region=REGIONS)
    transferred = DigitalOceanImageActionSensor.partial(
        task_id="transferred", deferrable=True, poke_interval=15
    ).expand(action=transfer.output)
    converted >> transfer
    summary(transferred.output)


backup_to_snapshot()
