"""The demo: convert a backup, copy it to three regions, and kill a worker during a transfer.

    python3 dev.py demo [--keep]

It starts a simulated DigitalOcean and a real Airflow on this machine, and stops them at the end;
``--keep`` leaves them running until Ctrl-C.
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

from airflow_provider_do_images.simulator import HeldRequest, Simulator
from devtools.airflow_instance import AirflowInstance
from devtools.demo_view import Progress, Step, copies_table
from devtools.processes import interrupt_on_termination

ROOT = Path(__file__).parent.parent
DAG_ID = "backup_to_snapshot"
REGIONS = {"ams3", "sfo3", "sgp1"}
EXTRA = "fra1"
SPEED = 120
RUN_TIMEOUT = 180.0
RESULTS_OF = ("wait_for_convert", "wait_for_transfer")


def main(arguments: list[str]) -> int:
    """Run the demo; return 0 only if the simulator has all copies."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep everything running until Ctrl-C")
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".demo", help="folder for Airflow's files"
    )
    options = parser.parse_args(arguments)
    interrupt_on_termination()
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty())
    try:
        return demonstrate(console, options.home, keep=options.keep)
    except KeyboardInterrupt:
        console.print("Interrupted. Nothing is left running.")
        return 130


def demonstrate(console: Console, home: Path, *, keep: bool) -> int:
    """Start everything, run the DAG, show the results, stop everything."""
    started = time.monotonic()
    with Simulator(port=0, speed=SPEED, seed=7) as simulator:
        console.print(f"Simulated DigitalOcean: {simulator.url}, one hour takes half a minute")
        console.print("Starting Airflow: API server, scheduler, DAG processor, triggerer ...")
        env = {"AIRFLOW_CONN_DIGITALOCEAN_DEFAULT": connection(simulator.url)}
        with AirflowInstance(home, ROOT / "example_dags", env) as airflow:
            console.print(f"Airflow is healthy after {time.monotonic() - started:.0f} s")
            run_id = airflow.rest.trigger_dag(DAG_ID)
            state = watch(airflow, [(DAG_ID, run_id)], console)
            found = state == "success" and inspect(simulator, results(airflow, run_id), console)
            kept = found and kill_and_clear(simulator, airflow, run_id, console)
            console.print(f"Total time: {time.monotonic() - started:.0f} s.")
            if keep:
                stay(airflow, simulator.url, console)
    if kept:
        shutil.rmtree(home)
        return 0
    console.print(f"The logs are in {home}.")
    return 1


def connection(url: str) -> str:
    """Return the Airflow connection to the simulator, with a random token."""
    token = f"dop_v1_{secrets.token_hex(32)}"
    return json.dumps({"conn_type": "digitalocean", "host": url, "password": token})


def watch(airflow: AirflowInstance, runs: list[tuple[str, str]], console: Console) -> str:
    """Show runs (DAG and run id) until all have ended; return ``success`` if all succeeded."""
    deadline = time.monotonic() + RUN_TIMEOUT
    with Progress(console, " and ".join(f"DAG {dag_id}" for dag_id, _ in runs), SPEED) as progress:
        while True:
            states = {airflow.rest.dag_run_state(*run) for run in runs}
            rows = [row for run in runs for row in airflow.rest.task_instances(*run)]
            rows.sort(key=lambda row: row["start_date"] or "later")
            progress.show([Step.from_task_instance(row) for row in rows])
            if states <= {"success", "failed"} or time.monotonic() > deadline:
                return states.pop() if len(states) == 1 else "failed"
            time.sleep(1)


def kill_and_clear(
    simulator: Simulator, airflow: AirflowInstance, run_id: str, console: Console
) -> bool:
    """Kill a worker right after its POST and clear the run; return whether no POST was repeated."""
    image_id = airflow.rest.xcom(DAG_ID, run_id, "find_newest_backup")
    held = simulator.faults.add(HeldRequest(method="POST"))
    conf = {"image_id": image_id, "region": EXTRA}
    transfer_id = airflow.rest.trigger_dag("transfer_image", conf)
    if not held.reached.wait(RUN_TIMEOUT):
        console.print(f"No transfer to {EXTRA} was submitted.")
        return False
    pid = airflow.kill_task_of(simulator.url)
    held.release()
    before = count_posts(simulator)
    console.print(
        f"Killed worker {pid} after its POST for {EXTRA}, before the response. POSTs: {before}.\n"
        "Clearing the run above, and retrying the killed task:"
    )
    tasks = {row["task_id"] for row in airflow.rest.task_instances(DAG_ID, run_id)}
    airflow.rest.clear(DAG_ID, run_id, sorted(tasks))
    state = watch(airflow, [("transfer_image", transfer_id), (DAG_ID, run_id)], console)
    after = count_posts(simulator)
    simulator.state.process_due_events()
    there = EXTRA in simulator.state.images[image_id].regions
    console.print(
        f"Both runs: {state}. Copy in {EXTRA}: {'yes' if there else 'NO'}. POSTs: {after}."
    )
    return state == "success" and there and after == before


def count_posts(simulator: Simulator) -> int:
    """Return the number of image actions submitted so far."""
    return simulator.journal.count("POST", "/v2/images/*/actions")


def results(airflow: AirflowInstance, run_id: str) -> list[dict[str, Any]]:
    """Return the completed actions that the sensors returned."""
    return [
        airflow.rest.xcom(DAG_ID, run_id, row["task_id"], map_index=row["map_index"])
        for row in airflow.rest.task_instances(DAG_ID, run_id)
        if row["task_id"] in RESULTS_OF and row["state"] == "success"
    ]


def inspect(simulator: Simulator, actions: list[dict[str, Any]], console: Console) -> bool:
    """Print the actions; return whether the simulator has the snapshot in all regions."""
    simulator.state.process_due_events()
    journal = simulator.journal
    console.print(copies_table(actions, journal.entries))
    console.print(f"Requests: {len(journal.entries)}, POSTs: {count_posts(simulator)}")
    found = False
    for image_id in {action["image_id"] for action in actions}:
        image = simulator.state.images[image_id]
        console.print(
            f"{image.type.capitalize()} {image_id} is in {', '.join(sorted(image.regions))}"
        )
        found = found or (image.type == "snapshot" and set(image.regions) >= REGIONS)
    if not found:
        console.print(f"The snapshot is NOT in all of {', '.join(sorted(REGIONS))}.")
    return found


def stay(airflow: AirflowInstance, simulator_url: str, console: Console) -> None:
    """Keep everything running until Ctrl-C."""
    console.print(
        f"\nAirflow:   {airflow.ui_url}  user {airflow.user}  password {airflow.password}"
    )
    console.print(f"Simulator: {simulator_url}/v2/images  (any bearer token)")
    console.print("Ctrl-C stops both.")
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
