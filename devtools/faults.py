"""The fault campaign: random trials of submit, wait and verification with faults and kills.

    python3 dev.py faults [--trials N] [--seed S] [--trial K] [--set SWITCH=VALUE]

The exit code is 1 if a requested action ran twice, if a task succeeded without the copy, or if a
task failed without a retry although the copy exists or its action is in progress. A trial is
determined by the seed and its number.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
from collections import Counter
from collections.abc import Iterator

from airflow_provider_do_images.simulator import ManualClock, Rules, Simulator
from airflow_provider_do_images.simulator.rules.settings import apply_settings
from devtools.campaign import Report, Trial

START = 1_790_000_000.0
"""Start of the clock, in Unix seconds: a replay has the same times."""


def main(arguments: list[str]) -> int:
    """Run the campaign or one of its trials; return 1 if a guarantee was violated."""
    parser = argparse.ArgumentParser(prog="dev.py faults", description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=1000, help="number of trials; default 1000")
    parser.add_argument("--seed", type=int, help="default: random; it is printed")
    parser.add_argument("--trial", type=int, help="replay this trial and print its requests")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a switch of the simulator, such as transfers_show_region=false",
    )
    options = parser.parse_args(arguments)
    rules = apply_settings(Rules(), options.set)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    logging.disable(logging.CRITICAL)
    if options.trial is not None:
        return replay(seed, options.trial, rules)
    reports = list(campaign(seed, range(options.trials), rules))
    print(summary(reports))
    for report in reports:
        for violation in report.violations:
            print(f"VIOLATION in trial {report.number}: {report.intent}: {violation}")
            switches = "".join(f" --set {setting}" for setting in options.set)
            print(f"    python3 dev.py faults --seed {seed} --trial {report.number}{switches}")
    return 1 if any(report.violations for report in reports) else 0


def campaign(seed: int, numbers: range, rules: Rules | None = None) -> Iterator[Report]:
    """Run trials in sequence against one simulator."""
    with Simulator(rules=rules) as simulator:
        for number in numbers:
            yield trial(simulator, seed, number)


def trial(simulator: Simulator, seed: int, number: int) -> Report:
    """Run one trial, independent of the trials before it."""
    simulator.reset(ManualClock(START))
    return Trial(simulator, seed, number).run()


def replay(seed: int, number: int, rules: Rules) -> int:
    """Run one trial and print its requests."""
    with Simulator(rules=rules) as simulator:
        report = trial(simulator, seed, number)
        print(report.intent)
        for entry in simulator.journal.entries:
            print(
                f"{entry.time - START:9.1f} s  {entry.method:4} {entry.path} {entry.body or ''} "
                f"-> {entry.status or 'no response'} {entry.fault or ''}"
            )
    print(f"kills: {dict(report.kills)}; tries: {report.tries}; end: {report.end}")
    print("\n".join(report.violations) or "no guarantee was violated")
    return 1 if report.violations else 0


def summary(reports: list[Report]) -> str:
    """Return the counts of a campaign."""
    ends = Counter(report.end.partition(":")[0] for report in reports)
    kinds = Counter(v.partition(":")[0] for report in reports for v in report.violations)
    lines = {
        "trials": len(reports),
        "ends": _counts(ends),
        "submits": _counts(_total(report.outcomes for report in reports)),
        "POSTs": sum(report.posts for report in reports),
        "faults": _counts(_total(report.faults for report in reports)),
        "kills": _counts(_total(report.kills for report in reports)),
        "duplicates": kinds["duplicate"],
        "lies": kinds["lie"],
        "lost": kinds["lost"],
    }
    return "\n".join(f"{name:<11} {value}" for name, value in lines.items())


def _total(counters: Iterator[Counter[str]] | list[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total += counter
    return total


def _counts(counter: Counter[str]) -> str:
    each = ", ".join(f"{name} {count}" for name, count in counter.most_common())
    return f"{counter.total()} ({each})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
