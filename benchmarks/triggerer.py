"""Count the requests of 500 deferred sensors in a real Airflow, and of one loop per sensor.

    python3 dev.py bench triggerer [N]

The simulator runs in real time. All waits defer while no action ends; then all actions end at once.
The number for one loop per sensor is calculated: one request per interval since its deferral.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow_provider_do_images.simulator import Simulator
from devtools.airflow_instance import AirflowInstance

ROOT = Path(__file__).parent.parent
DAG, INTERVAL = "many_waits", 15.0
REGIONS = ["ams2", "ams3", "blr1", "fra1", "lon1", "sfo2", "sfo3", "sgp1", "syd1", "tor1"]
HOUR = 3600.0


def main(arguments: list[str]) -> None:
    """Run the benchmark and print the requests that the simulator received."""
    number = int(arguments[0]) if arguments else 500
    with Simulator(speed=1) as simulator, TemporaryDirectory() as folder:
        simulator.state.hold_actions = True
        actions = [_begin(simulator, index) for index in range(number)]
        connection = {"conn_type": "digitalocean", "host": simulator.url, "password": "any"}
        env = {
            "AIRFLOW_CONN_DIGITALOCEAN_DEFAULT": json.dumps(connection),
            "AIRFLOW__API__MAXIMUM_PAGE_LIMIT": "1000",  # all waits in one answer
        }
        dags = Path(shutil.copytree(ROOT / "tests" / "system" / "dags", Path(folder) / "dags"))
        with AirflowInstance(Path(folder) / "home", dags, env) as airflow:
            run_id = airflow.rest.trigger_dag(DAG, {"actions": actions})
            waited = _wait_until_all_deferred(airflow, run_id, number)
            for action in actions:
                simulator.state.finish_action(action["id"])
            ended = time.monotonic()
            state = airflow.rest.wait_for_dag_run(DAG, run_id, timeout=HOUR)
            rows = airflow.rest.task_instances(DAG, run_id)
        done = sum((row["task_id"], row["state"]) == ("wait", "success") for row in rows)
        print(f"run: {state}; waits that succeeded: {done} of {number}")
        print(f"all ends were detected, and tasks resumed, within {time.monotonic() - ended:.0f} s")
        one_by_one = sum((ended - since) / INTERVAL for since in waited.values())
        by_workers = number  # each sensor polls once before it defers
        total = len(simulator.journal.entries)
        print(f"requests in all: {total}; by the workers before deferring: {by_workers}")
        print(
            f"by the poller: {total - by_workers}; one loop per sensor: {one_by_one + number:.0f}"
        )
        for endpoint, count in sorted(simulator.journal.counts().items()):
            print(f"    {count:6} {endpoint}")
        print(f"429s: {simulator.journal.count(status=429)}")


def _begin(simulator: Simulator, index: int) -> dict[str, Any]:
    """Start a transfer, ten per image; return the row of its submit."""
    state = simulator.state
    name = f"image-{index // len(REGIONS)}"
    images = [image for image in state.images.values() if image.name == name]
    image = images[0] if images else state.add_image(name, regions=["nyc3"])
    region = REGIONS[index % len(REGIONS)]
    action = state.begin_action("transfer", image, region=region, seconds=HOUR)
    return {"id": action.id, "image_id": image.id, "region_slug": region}


def _wait_until_all_deferred(
    airflow: AirflowInstance, run_id: str, number: int
) -> dict[int, float]:
    """Return the time at which each wait was first found deferred, by map index."""
    since: dict[int, float] = {}
    while len(since) < number:
        for row in airflow.rest.task_instances(DAG, run_id):
            if row["task_id"] == "wait" and row["state"] == "deferred":
                since.setdefault(row["map_index"], time.monotonic())
        time.sleep(5)
    return since


if __name__ == "__main__":
    main(sys.argv[1:])
