"""Check the tests: replace one symbol of the package at a time; a test must fail.

    python3 dev.py mutants [NAME ...]

Each mutant runs its own tests in a separate process, until the first failure. A mutant is caught
only if a test fails; an error in collection or setup does not count. The exit code is 1 if a mutant
is not caught.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.progress import track
from rich.table import Column, Table
from rich.text import Text

from dev import ROOT
from devtools.mutant import Mutant
from devtools.mutant_table import MUTANTS

PROCESSES = 2
TEST_TIMEOUT = 120
"""Timeout of a test, in seconds."""


@dataclass(frozen=True)
class Result:
    """The result of one mutant: the test that failed, or the reason why none did."""

    mutant: Mutant
    caught_by: str
    problem: str
    seconds: float


def main(arguments: Sequence[str]) -> int:
    """Run the mutants, print a table, and return 1 if one was not caught."""
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(MUTANTS)}")
    names = parser.parse_args(arguments).names or list(MUTANTS)
    if unknown := set(names) - set(MUTANTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    console = Console(markup=False, emoji=False, highlight=False)
    with ThreadPoolExecutor(PROCESSES) as threads:
        runs = threads.map(run, names)
        results = list(track(runs, "Running mutants", total=len(names), console=console))
    console.print(table(results), soft_wrap=not console.is_terminal)
    caught = sum(bool(result.caught_by) for result in results)
    seconds = sum(result.seconds for result in results)
    console.print(f"{caught} of {len(results)} mutants caught; {seconds:.0f} s of tests.")
    return 0 if caught == len(results) else 1


def run(name: str) -> Result:
    """Run the tests of one mutant."""
    mutant = MUTANTS[name]
    started = time.monotonic()
    with TemporaryDirectory(prefix="mutant-") as folder:
        report = Path(folder) / "report.xml"
        options = ("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-p", "devtools.mutant_plugin")
        limits = (f"--timeout={TEST_TIMEOUT}", f"--junitxml={report}")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *limits, *mutant.tests],
            check=False,
            cwd=ROOT,
            env={**os.environ, "MUTANT": name, "AIRFLOW_HOME": folder},
            capture_output=True,
            text=True,
        )
        caught_by = failed_test(report) if done.returncode == 1 else ""
    seconds = time.monotonic() - started
    if done.returncode == 0:
        return Result(mutant, "", "not caught", seconds)
    last = (done.stderr or done.stdout).strip().splitlines()[-1:]
    problem = "" if caught_by else f"no test failed (pytest: {done.returncode}): {''.join(last)}"
    return Result(mutant, caught_by, problem, seconds)


def failed_test(report: Path) -> str:
    """Return the first failed test, or an empty text if there were only errors."""
    if not report.exists():  # pytest ended before its first test
        return ""
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  pytest wrote it just now
        if case.find("failure") is not None:
            module = case.get("classname", "").removeprefix("tests.").replace(".", "/")
            return f"{module}.py::{case.get('name')}"
    return ""


def table(results: Sequence[Result]) -> Table:
    """Return the table of all mutants."""
    caught_by = Column("caught by", overflow="fold")
    table = Table("mutant", "fault", "symbol", caught_by, "seconds")
    for result in results:
        mutant = result.mutant
        caught = result.caught_by or result.problem
        cells = (mutant.name, mutant.fault, mutant.symbol, caught, f"{result.seconds:.0f}")
        table.add_row(*map(Text, cells), style="" if result.caught_by else "red")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
