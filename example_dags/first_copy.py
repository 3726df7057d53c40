"""Keep the newest backup of one droplet as a snapshot with copies in two more regions."""

from airflow.sdk import DAG

from airflow_provider_do_images.operators import (
    DigitalOceanConvertImageOperator,
    DigitalOceanListRestorePointsOperator,
    DigitalOceanReplicateImageOperator,
)

with DAG(
    "first_copy",
    schedule=None,
    max_active_runs=1,
    params={"droplet": "web-01", "regions": "ams3,sgp1"},
    default_args={"retries": 2},  # Airflow can count a deferral as a failed try
):
    restore_points = DigitalOceanListRestorePointsOperator(
        task_id="list_restore_points",
        policy="first-copy",
        droplet_name="{{ params.droplet }}",  # or tag="prod", for many droplets
        max_backup_age=8 * 24 * 60 * 60,  # for weekly backups; 36 hours for daily ones
    )
    snapshots = DigitalOceanConvertImageOperator.partial(task_id="convert").expand(
        restore_point=restore_points.output
    )
    DigitalOceanReplicateImageOperator.partial(
        task_id="replicate", regions="{{ params.regions }}", deferrable=True
    ).expand(image=snapshots.output)
