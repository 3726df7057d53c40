"""Wait in the triggerer for as many actions as the run is given."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

with DAG("many_waits", schedule=None, params={"actions": []}, default_args={"retries": 2}):

    @task
    def actions(params: Any) -> list[dict[str, Any]]:
        """Hand over the actions to wait for."""
        return list(params["actions"])

    DigitalOceanImageActionSensor.partial(task_id="wait", deferrable=True, poke_interval=15).expand(
        action=actions()
    )
