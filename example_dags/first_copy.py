"""Keep the newest backup of one droplet as a snapshot with copies in two more regions."""

from airflow.sdk import DAG

from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)

with DAG(
    "first_copy",
    schedule=None,
    max_active_runs=1,
    params={"droplet": "web-01", "regions": "ams3,sgp1"},
    default_args={"retries": 2},  # Airflow can count a deferral as a failed try
):
    find = DigitalOceanListRestorePointsOperator(
        task_id="find",
        droplet_name="{{ params.droplet }}",
        policy="first-copy",
        max_backup_age=8 * 24 * 60 * 60,  # weekly backups; daily ones need 36 hours
    )
    convert = DigitalOceanConvertImageOperator.partial(task_id="convert").expand(
        restore_point=find.output
    )
    DigitalOceanReplicateImageOperator.partial(
        task_id="replicate", regions="{{ params.regions }}"
    ).expand(image=convert.output)
