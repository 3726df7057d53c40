"""Measure the requests of many concurrent waits: shared poller and one loop per action.

    python3 dev.py bench poller [--quick] [--json FILE]

One process runs the simulator with rate limits; another one waits with the code of the trigger.
Both use one virtual clock (:mod:`devtools.virtual_time`), so two runs print the same counts and
delays. The benchmark writes the table and the plot of the documentation.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from math import ceil, nan
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import requests
from rich.console import Console

from airflow_provider_do_images.simulator import Simulator
from airflow_provider_do_images.simulator.operations import transfer
from benchmarks import poller_report
from benchmarks.poller_cases import (
    INTERVAL,
    REGIONS_PER_IMAGE,
    UNRESERVED,
    Case,
    Figures,
    Job,
    Result,
    broken_bounds,
    cases,
)
from devtools.virtual_time import SharedClock, live_on

HOUR = 3600.0
START = 1_767_225_600.0
"""Start of each case, in Unix seconds: always the same, for reproducible figures."""

BEGUN_WITHIN = INTERVAL
"""Virtual seconds within which all actions are submitted, so that polls are spread."""

FEWEST_LOOKS, LOOKS_EACH = 8_000, 4
"""Requests in total and per wait after which one loop per action is stopped."""

NIGHT = (100, 3)
"""Images and regions."""

SUBMIT_EVERY = 2.0
"""Seconds between two submits of a run: the time in which Airflow starts a task."""

TOKEN = "any-token"  # noqa: S105 - the simulator takes any


class Bench:
    """A simulator, a clock, and a process that runs the waits."""

    def __init__(self, simulator: Simulator, clock: SharedClock, pool: ProcessPoolExecutor) -> None:
        self.simulator = simulator
        self.clock = clock
        self.pool = pool

    def measure(self, case: Case) -> Figures:
        """Run a case."""
        jobs = self._fill(case)
        begun = self.clock.now()
        result = self.run(case.way, jobs)
        self.simulator.state.process_due_events()
        actions = self.simulator.state.actions
        took = result.ended - begun
        ends = {job.action_id: actions[job.action_id].due_at or 0.0 for job in jobs}
        late = [result.seen.get(id_, result.ended) - end for id_, end in ends.items()]
        delays = sorted(seconds for seconds in late if seconds > 0)
        times = [entry.time for entry in self.simulator.journal.entries]
        in_hour = sum(moment < begun + HOUR for moment in times)
        return Figures(
            case=case,
            requests=len(times),
            requests_per_hour=in_hour * HOUR / min(took, HOUR),
            refused=self.simulator.journal.count(status=429),
            delay=tuple(_percentile(delays, percent) for percent in (50, 95, 100)),
            seen=len(result.seen),
            took=took,
            cpu=result.cpu,
            stall=result.stall * 1000,
        )

    def run(self, way: str, jobs: list[Job]) -> Result:
        """Run the waits in the other process.

        :param way: how to wait.
        """
        from benchmarks import waits  # noqa: PLC0415 - must be loaded after live_on

        looks = max(FEWEST_LOOKS, LOOKS_EACH * len(jobs))
        return self.pool.submit(waits.run, way, self.simulator.url, jobs, looks=looks).result()

    def night(self, way: str) -> dict[str, Any]:
        """Count the requests of a nightly run by purpose."""
        self._begin_anew()
        begun = self.clock.now()
        jobs: list[Job] = []
        for number in range(NIGHT[0]):
            image = self.simulator.state.add_image(f"night-{number}")
            for region in self._regions()[: NIGHT[1]]:
                place = len(jobs)  # placeholder of the action's id, which is not known yet
                jobs.append(Job(image.id, place, region, begun + SUBMIT_EVERY * place))
        result = self.run(way, jobs)
        assert len(result.seen) == len(jobs)
        journal = self.simulator.journal
        return {
            "way": way,
            "requests": len(journal.entries),
            "posts": journal.count("POST"),
            "refused": journal.count(status=429),
            "took": result.ended - begun,
        }

    def _begin_anew(self) -> None:
        """Reset account and clock, so that each case has the same durations."""
        self.clock.advance(START - self.clock.now())
        self.simulator.reset()

    def _fill(self, case: Case) -> list[Job]:
        """Start the actions, with foreign ones between them; return the jobs."""
        self._begin_anew()
        if case.spent:
            self._spend_the_hour()
        state, random = self.simulator.state, Random(1)  # noqa: S311 - hides nothing
        regions = self._regions()
        jobs: list[Job] = []
        with state.lock:
            droplet = state.add_droplet("somebody-elses")
            while len(jobs) < case.waits:
                size = random.lognormvariate(1.5, 0.7)  # GiB: half of them 2.8 to 7.2
                image = state.add_image(f"image-{len(jobs)}", size_gigabytes=round(size, 2))
                for region in regions[: min(case.per_image, case.waits - len(jobs))]:
                    for _ in range(case.noise):
                        state.begin_action("power_cycle", droplet, seconds=20.0)
                    action = transfer(state, image, region)
                    number = len(jobs) % case.triggerers
                    jobs.append(Job(image.id, action.id, region, self.clock.now(), number))
                    self.clock.advance(BEGUN_WITHIN / case.waits)
        return jobs

    def _spend_the_hour(self) -> None:
        """Spend all unreserved requests, evenly over an hour."""
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            session.trust_env = False
            for _ in range(UNRESERVED):
                session.get(f"{self.simulator.url}/v2/account", timeout=10).raise_for_status()
                self.clock.advance(HOUR / UNRESERVED)
        self.simulator.journal.clear()

    def _regions(self) -> list[str]:
        known = self.simulator.state.regions.values()
        able = [region.slug for region in known if "image_transfer" in region.features]
        return [slug for slug in able if slug != "nyc3"][:REGIONS_PER_IMAGE]


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[ceil(len(ordered) * percent / 100) - 1] if ordered else nan


@contextmanager
def bench() -> Iterator[Bench]:
    """Start the simulator and the process that runs the waits."""
    clock = SharedClock()
    with (
        TemporaryDirectory(prefix="airflow-") as home,
        Simulator(clock=clock) as simulator,
        ProcessPoolExecutor(1, get_context("spawn"), live_on, (clock.values, home)) as pool,
    ):
        yield Bench(simulator, clock, pool)


def main() -> int:
    """Measure all cases, print and write the tables, and check the bounds."""
    parser = argparse.ArgumentParser(prog="dev.py bench poller", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases, and nothing is written")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    console = Console()
    with bench() as running, console.status("") as status:
        figures = []
        for case in cases(quick=options.quick):
            status.update(str(case))
            figures.append(running.measure(case))
        nights = [running.night(way) for way in poller_report.NIGHTS]
    print(poller_report.tables(figures, nights))
    print(poller_report.machine_table(figures))
    if not options.quick:
        poller_report.write(figures, nights)
    if options.json:
        found = {"figures": [asdict(one) for one in figures], "nights": nights}
        options.json.write_text(json.dumps(found, indent=2))
    broken = [bound for one in figures for bound in broken_bounds(one)]
    print("\n".join(["", "Broken bounds:", *broken] if broken else ["", "All bounds are kept."]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
