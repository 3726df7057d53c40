"""Test the wheel with each supported version of Airflow and Python.

Each cell has its own environment, with the wheel and the versions of its constraints file. It runs
the tests of this checkout against the installed package: the unit tests, the integration tests that
use Airflow or the client, and one test with a real Airflow. The simulator's own tests are left out,
since they do not depend on Airflow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from dev import CONSTRAINTS, ROOT
from devtools.build import build, copy_checkout
from devtools.lock_constraints import PINS, pinned

PACKAGE = "airflow_provider_do_images"
NEWEST = pinned(CONSTRAINTS)["apache-airflow"]
CELLS = (
    ("3.1.1", "3.11"),
    ("3.1.8", "3.12"),
    ("3.2.2", "3.13"),
    (NEWEST, "3.11"),
    (NEWEST, "3.12"),
    (NEWEST, "3.13"),
)
"""Airflow and Python: the oldest supported, the newest of each minor version, and each Python."""

TESTS = (
    "tests/unit",
    "tests/integration",
    "tests/system/test_sigkill.py",
    # Independent of both versions; the last one needs development tools.
    "--ignore=tests/unit/simulator",
    "--ignore=tests/integration/simulator",
    "--ignore=tests/integration/test_nights.py",
    "--ignore=tests/unit/test_contributing.py",
)


@dataclass(frozen=True)
class Result:
    """The result of a cell.

    :param counts: pytest's ``tests``, ``failures``, ``errors`` and ``skipped``; empty if pytest
        did not run.
    :param why_not: why pytest did not run.
    """

    counts: dict[str, int]
    seconds: float
    why_not: str = ""

    @property
    def passed(self) -> bool:
        """Whether tests ran and none failed."""
        return bool(self.counts) and not self.counts["failures"] and not self.counts["errors"]


def main(arguments: Sequence[str]) -> int:
    """Run the selected cells and print a table; return 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="dev.py matrix", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--airflow", help="only this Airflow version", choices={cell[0] for cell in CELLS}
    )
    parser.add_argument(
        "--python", help="only this Python version", choices={cell[1] for cell in CELLS}
    )
    asked = parser.parse_args(arguments)
    cells = [
        (airflow, python)
        for airflow, python in CELLS
        if airflow == (asked.airflow or airflow) and python == (asked.python or python)
    ]
    with TemporaryDirectory(prefix="matrix-") as folder:
        wheel, _ = build(Path(folder) / "dist")
        results = {cell: run(*cell, wheel, Path(folder) / "-".join(cell)) for cell in cells}
    Console(markup=False, emoji=False).print(table(results))
    return 0 if results and all(result.passed for result in results.values()) else 1


def run(airflow: str, python: str, wheel: Path, folder: Path) -> Result:
    """Install a cell and run its tests."""
    print(f"\nAirflow {airflow}, Python {python}", flush=True)
    started = time.monotonic()
    venv = folder / "venv"
    uv: list[str | Path] = [sys.executable, "-m", "uv", "--quiet"]
    if subprocess.call([*uv, "venv", "--python", python, venv]):
        return Result({}, 0.0, f"Python {python} is not installed")
    pins = PINS / f"airflow-{airflow}.txt" if airflow != NEWEST else CONSTRAINTS
    what = (f"--constraint={pins}", wheel, f"--group={ROOT / 'pyproject.toml'}:test")
    python_there = venv / "bin" / "python"
    subprocess.run([*uv, "pip", "install", f"--python={python_there}", *what], check=True)
    report = folder / "report.xml"
    pytest: list[str | Path] = [python_there, "-m", "pytest", "-q"]
    command = [*pytest, *TESTS, f"--junitxml={report}"]
    # With CI set, tests that need the whole checkout fail instead of being skipped.
    foreign = ("AIRFLOW", "PYTHON", "DEMO_", "CI")
    env = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    code = subprocess.call(command, cwd=copy_tests(folder / "tree", venv), env=env)
    if not report.exists():
        return Result({}, 0.0, f"pytest ended with {code}")
    suite = ET.parse(report).getroot()[0]  # noqa: S314  pytest wrote it just now
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    return Result(counts, time.monotonic() - started)


def copy_tests(tree: Path, venv: Path) -> Path:
    """Copy the checkout, and replace its package by a link to the installed one."""
    copy_checkout(tree)
    shutil.rmtree(tree / PACKAGE)
    [installed] = venv.glob(f"lib/python*/site-packages/{PACKAGE}")
    (tree / PACKAGE).symlink_to(installed)
    return tree


def table(results: dict[tuple[str, str], Result]) -> Table:
    """Return the table of all results."""
    table = Table("Airflow", "Python", "passed", "failed", "skipped", "minutes")
    for (airflow, python), result in results.items():
        counts = result.counts
        if not counts:
            table.add_row(airflow, python, result.why_not, style="red")
            continue
        failed = counts["failures"] + counts["errors"]
        passed = counts["tests"] - failed - counts["skipped"]
        cells = (passed, failed, counts["skipped"], f"{result.seconds / 60:.1f}")
        table.add_row(airflow, python, *map(str, cells), style="" if result.passed else "red")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
