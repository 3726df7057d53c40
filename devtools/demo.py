"""The demo: a droplet's newest backup becomes a snapshot in three more regions.

    python3 dev.py demo [--keep]

A simulated DigitalOcean and a real Airflow run on this machine for it, and are gone afterwards;
``--keep`` leaves them up until Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from airflow_provider_do_images.simulator import Simulator
from devtools.airflow_instance import AirflowInstance
from devtools.demo_view import Progress, Step, copies_table
from devtools.processes import interrupt_on_termination

ROOT = Path(__file__).parent.parent
DAG_ID = "backup_to_snapshot"
REGIONS = {"ams3", "sfo3", "sgp1"}
SPEED = 120
RUN_TIMEOUT = 180.0
RESULTS_OF = ("converted", "transferred")


def main(arguments: list[str]) -> int:
    """Run the demo; return 0 only if the copies are really there."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave everything up until Ctrl-C")
    parser.add_argument("--home", type=Path, default=ROOT / ".demo", help="where Airflow lives")
    options = parser.parse_args(arguments)
    interrupt_on_termination()
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    try:
        return demonstrate(console, options.home, keep=options.keep)
    except KeyboardInterrupt:
        console.print("Interrupted. Nothing is left running.")
        return 130


def demonstrate(console: Console, home: Path, *, keep: bool) -> int:
    """Start everything, run the DAG, show what came of it, stop everything."""
    started = time.monotonic()
    with Simulator(port=0, speed=SPEED, seed=7) as simulator:
        console.print(
            f"Simulated DigitalOcean: {simulator.url}, an hour there is half a minute here"
        )
        console.print("Starting Airflow: API server, scheduler, DAG processor, triggerer ...")
        env = {"AIRFLOW_CONN_DIGITALOCEAN_DEFAULT": connection(simulator.url)}
        with AirflowInstance(home, ROOT / "example_dags", env) as airflow:
            console.print(f"Airflow is healthy after {time.monotonic() - started:.0f} s")
            state, run_id = run_dag(airflow, console)
            actions = results(airflow, run_id)
            found = inspect(simulator, actions, console)
            console.print(
                f"The DAG run ended as {state}, {time.monotonic() - started:.0f} s in all."
            )
            if keep:
                stay(airflow, simulator.url, console)
    if found and state == "success":
        shutil.rmtree(home)
        return 0
    console.print(f"The logs are in {home}.")
    return 1


def connection(url: str) -> str:
    """Return the Airflow connection to the simulator, with a token made up for this run."""
    token = f"dop_v1_{secrets.token_hex(32)}"
    return json.dumps({"conn_type": "digitalocean", "host": url, "password": token})


def run_dag(airflow: AirflowInstance, console: Console) -> tuple[str, str]:
    """Run the DAG and show its progress; return the run's state and id."""
    run_id = airflow.rest.trigger_dag(DAG_ID)
    give_up = time.monotonic() + RUN_TIMEOUT
    with Progress(console, f"DAG {DAG_ID}", SPEED) as progress:
        while True:
            state = airflow.rest.dag_run_state(DAG_ID, run_id)
            rows = airflow.rest.task_instances(DAG_ID, run_id)
            rows.sort(key=lambda row: row["start_date"] or "later")
            progress.show([Step.from_task_instance(row) for row in rows])
            if state in ("success", "failed") or time.monotonic() > give_up:
                return state, run_id
            time.sleep(1)


def results(airflow: AirflowInstance, run_id: str) -> list[dict[str, Any]]:
    """Return the actions that the sensors saw completed."""
    return [
        airflow.rest.xcom(DAG_ID, run_id, row["task_id"], map_index=row["map_index"])
        for row in airflow.rest.task_instances(DAG_ID, run_id)
        if row["task_id"] in RESULTS_OF and row["state"] == "success"
    ]


def inspect(simulator: Simulator, actions: list[dict[str, Any]], console: Console) -> bool:
    """Show what is where; tell whether the simulator itself has the snapshot in all regions."""
    simulator.state.settle()
    journal = simulator.journal
    console.print(copies_table(actions, journal.entries))
    posts = journal.count(method="POST", path="/v2/images/*/actions")
    console.print(f"Requests: {len(journal.entries)}, of these POSTs: {posts}")
    found = False
    for image_id in {action["image_id"] for action in actions}:
        image = simulator.state.images[image_id]
        console.print(f"DigitalOcean has {image.type} {image_id} in {', '.join(image.regions)}")
        found = found or (image.type == "snapshot" and set(image.regions) >= REGIONS)
    if not found:
        console.print(f"The snapshot is NOT in all of {', '.join(sorted(REGIONS))}.")
    return found


def stay(airflow: AirflowInstance, simulator_url: str, console: Console) -> None:
    """Leave everything up until Ctrl-C."""
    console.print(
        f"\nAirflow:   {airflow.ui_url}  user {airflow.user}  password {airflow.password}"
    )
    console.print(f"Simulator: {simulator_url}/v2/images  (any bearer token)")
    console.print("Ctrl-C stops both.")
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
