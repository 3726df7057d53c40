"""The demo: a backup becomes a snapshot in three more regions, and no kill doubles a copy.

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

from airflow_provider_do_images.simulator import Held, Simulator
from devtools.airflow_instance import AirflowInstance
from devtools.demo_view import Progress, Step, copies_table
from devtools.processes import interrupt_on_termination

ROOT = Path(__file__).parent.parent
DAG_ID = "backup_to_snapshot"
REGIONS = {"ams3", "sfo3", "sgp1"}
EXTRA = "fra1"
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
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty())
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
            run_id = airflow.rest.trigger_dag(DAG_ID)
            state = watch(airflow, [(DAG_ID, run_id)], console)
            found = state == "success" and inspect(simulator, results(airflow, run_id), console)
            kept = found and kill_and_clear(simulator, airflow, run_id, console)
            console.print(f"All that took {time.monotonic() - started:.0f} s.")
            if keep:
                stay(airflow, simulator.url, console)
    if kept:
        shutil.rmtree(home)
        return 0
    console.print(f"The logs are in {home}.")
    return 1


def connection(url: str) -> str:
    """Return the Airflow connection to the simulator, with a token made up for this run."""
    token = f"dop_v1_{secrets.token_hex(32)}"
    return json.dumps({"conn_type": "digitalocean", "host": url, "password": token})


def watch(airflow: AirflowInstance, runs: list[tuple[str, str]], console: Console) -> str:
    """Show runs (DAG and run id) until all have ended; return ``success`` if all did so."""
    give_up = time.monotonic() + RUN_TIMEOUT
    with Progress(console, " and ".join(f"DAG {dag_id}" for dag_id, _ in runs), SPEED) as progress:
        while True:
            states = {airflow.rest.dag_run_state(*run) for run in runs}
            rows = [row for run in runs for row in airflow.rest.task_instances(*run)]
            rows.sort(key=lambda row: row["start_date"] or "later")
            progress.show([Step.from_task_instance(row) for row in rows])
            if states <= {"success", "failed"} or time.monotonic() > give_up:
                return states.pop() if len(states) == 1 else "failed"
            time.sleep(1)


def kill_and_clear(
    simulator: Simulator, airflow: AirflowInstance, run_id: str, console: Console
) -> bool:
    """Kill a worker right after its POST and clear the whole run; tell whether nothing doubled."""
    image_id = airflow.rest.xcom(DAG_ID, run_id, "newest_backup")
    held = simulator.faults.add(Held(method="POST"))
    conf = {"image_id": image_id, "region": EXTRA}
    transfer_id = airflow.rest.trigger_dag("transfer_image", conf)
    if not held.reached.wait(RUN_TIMEOUT):
        console.print(f"No transfer to {EXTRA} was posted.")
        return False
    pid = airflow.kill_task_of(simulator.url)
    held.release()
    before = count_posts(simulator)
    console.print(
        f"Now the worst: one more transfer, to {EXTRA}, was posted, and its worker (process\n"
        f"{pid}) killed before the answer; POSTs: {before}. And the whole run above is cleared."
    )
    tasks = {row["task_id"] for row in airflow.rest.task_instances(DAG_ID, run_id)}
    airflow.rest.clear(DAG_ID, run_id, sorted(tasks))
    state = watch(airflow, [("transfer_image", transfer_id), (DAG_ID, run_id)], console)
    after = count_posts(simulator)
    simulator.state.settle()
    there = EXTRA in simulator.state.images[image_id].regions
    console.print(
        f"Both runs ended as {state}; the copy in {EXTRA} is {'there' if there else 'NOT there'}; "
        f"POSTs: {after}."
    )
    return state == "success" and there and after == before


def count_posts(simulator: Simulator) -> int:
    """Return how many image actions were posted so far."""
    return simulator.journal.count("POST", "/v2/images/*/actions")


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
    console.print(f"Requests: {len(journal.entries)}, of these POSTs: {count_posts(simulator)}")
    found = False
    for image_id in {action["image_id"] for action in actions}:
        image = simulator.state.images[image_id]
        console.print(
            f"DigitalOcean has {image.type} {image_id} in {', '.join(sorted(image.regions))}"
        )
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
