"""What it costs to wait for many actions at once: this provider's watch beside one loop per action.

    python3 dev.py bench watch [--quick] [--json FILE]

One process simulates DigitalOcean, with its rate limits; another one waits, in the trigger's own
code. Both live on one clock (:mod:`devtools.virtual_time`). Also makes docs/images/watch.png.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from math import ceil, nan
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from airflow_provider_do_images.simulator import Simulator
from airflow_provider_do_images.simulator.operations import transfer
from benchmarks import watch_report
from benchmarks.watch_cases import FEW_IMAGES, INTERVAL, Case, Figures, Job, Result, cases
from devtools.virtual_time import SharedClock, live_on

HOUR = 3600.0
BEGUN_WITHIN = INTERVAL
"""Virtual seconds within which all actions are submitted, so that looks are due at any moment."""

FEWEST_LOOKS, LOOKS_EACH = 8_000, 4
"""Requests, and requests for each wait, after which a way that looks one by one is broken off."""

WIDTH = 130
"""Columns that the table needs, even if nobody looks at a terminal."""

BYTES_COUNTED_FOR = 65.0
"""Virtual seconds: all waits are there, and the watch has looked twice."""

NIGHT = (100, 3)
"""Images and regions."""

SUBMIT_EVERY = 2.0
"""Seconds from one submit of the night to the next: what Airflow needs to start a task."""


class Bench:
    """A simulator, a clock, and a process that waits."""

    def __init__(self, simulator: Simulator, clock: SharedClock, pool: ProcessPoolExecutor) -> None:
        self.simulator = simulator
        self.clock = clock
        self.pool = pool
        self._zero = clock.now()

    def measure(self, case: Case) -> Figures:
        """Run a case twice: once for the figures, and before for the bytes, which are slow."""
        bytes_per_wait = None
        if case.noise == 0 and case.per_image == FEW_IMAGES and not case.speed:
            counted = [self._bytes(case), self._bytes(Case("asleep", case.waits))]
            bytes_per_wait = (counted[0] - counted[1]) / case.waits
        jobs = self._fill(case)
        begun = self.clock.now()
        self.clock.run_at(case.speed)
        result = self.run(case.way, jobs)
        self.clock.run_at(0)
        self.simulator.state.settle()
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
            bytes_per_wait=bytes_per_wait,
            stall=(result.stall[0] * 1000, result.stall[1] * 1000),
            collection=result.collection * 1000,
        )

    def _begin_anew(self) -> None:
        """Let each case have the same account at the same time, and so the same durations."""
        self.clock.advance(self._zero - self.clock.now())
        self.simulator.reset()

    def run(self, way: str, jobs: list[Job], **bounds: Any) -> Result:
        """Run a way to wait in the other process."""
        from benchmarks import waits  # noqa: PLC0415 - here, so that it is not loaded before live_on

        bounds = {"looks": max(FEWEST_LOOKS, LOOKS_EACH * len(jobs)), **bounds}
        return self.pool.submit(waits.run, way, self.simulator.url, jobs, **bounds).result()

    def night(self, way: str) -> dict[str, Any]:
        """Count the requests of a night by what they are for."""
        self._begin_anew()
        begun = self.clock.now()
        jobs: list[Job] = []
        for number in range(NIGHT[0]):
            image = self.simulator.state.add_image(f"night-{number}")
            for region in self._regions()[: NIGHT[1]]:
                place = len(jobs)  # stands for the action's id, which is not known yet
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
            "endpoints": journal.counts(),
        }

    def _bytes(self, case: Case) -> int:
        jobs = self._fill(case)
        bounds = {"seconds": BYTES_COUNTED_FOR, "looks": FEWEST_LOOKS / 4, "count_bytes": True}
        return int(self.run(case.way, jobs, **bounds).peak)

    def _fill(self, case: Case) -> list[Job]:
        """Begin the actions, foreign ones between them; return the jobs."""
        self._begin_anew()
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
                    jobs.append(Job(image.id, action.id, region, self.clock.now()))
                    self.clock.advance(BEGUN_WITHIN / case.waits)
        return jobs

    def _regions(self) -> list[str]:
        known = self.simulator.state.regions.values()
        able = [region.slug for region in known if "image_transfer" in region.features]
        return [slug for slug in able if slug != "nyc3"][:FEW_IMAGES]


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[ceil(len(ordered) * percent / 100) - 1] if ordered else nan


def main() -> None:
    """Measure all cases; print the tables, and write the plot and the JSON."""
    parser = argparse.ArgumentParser(prog="dev.py bench watch", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases, and no plot")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    console, clock = Console(width=max(Console().width, WIDTH)), SharedClock()
    context = get_context("spawn")
    with (
        TemporaryDirectory(prefix="airflow-") as os.environ["AIRFLOW_HOME"],
        Simulator(clock=clock) as simulator,
        ProcessPoolExecutor(1, context, live_on, (clock.values,)) as pool,
        console.status("") as status,
    ):
        bench = Bench(simulator, clock, pool)
        figures = []
        for way in ("watch", "pydo 30 s"):
            bench.measure(Case(way, 1))  # so that what is loaded once is loaded
        for case in cases(quick=options.quick):
            status.update(str(case))
            figures.append(bench.measure(case))
        nights = [bench.night(way) for way in watch_report.NIGHTS]
    watch_report.print_tables(console, figures, nights)
    if not options.quick:
        watch_report.plot([one for one in figures if not one.case.speed])
    if options.json:
        found = {"figures": [asdict(one) for one in figures], "nights": nights}
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
