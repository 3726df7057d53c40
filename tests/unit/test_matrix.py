"""The matrix runs the versions that the package declares."""

from __future__ import annotations

import re
import tomllib

import pytest

from dev import CONSTRAINTS, ROOT
from devtools.lock_constraints import PINS, RELEASES, pinned
from devtools.matrix import CELLS, NEWEST

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BOUNDS = dict(name.split(">=") for name in PROJECT["dependencies"])


def test_the_oldest_cell_has_the_lower_bounds():
    """Airflow, requests and Python, each at the lowest version that is declared; CI runs it."""
    airflow, python = CELLS[0]
    pins = pinned(PINS / f"airflow-{airflow}.txt")

    assert airflow in (BOUNDS["apache-airflow"], BOUNDS["apache-airflow"] + ".0")
    assert pins["requests"] == BOUNDS["requests"]
    assert PROJECT["requires-python"] == f">={python}"
    assert f"dev.py matrix --airflow {airflow}\n" in (ROOT / ".ci" / "run").read_text()


def test_each_python_that_is_declared_has_a_cell():
    """It has the newest Airflow, and no other Python has a cell."""
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))

    assert [python for airflow, python in CELLS if airflow == NEWEST] == declared
    assert {python for _, python in CELLS} == set(declared)


def test_each_minor_of_airflow_has_a_cell():
    """None between the oldest and the newest is missing."""
    minors = {int(airflow.split(".")[1]) for airflow, _ in CELLS}

    assert minors == set(range(min(minors), max(minors) + 1))
    assert {airflow for airflow, _ in CELLS} == {*RELEASES, NEWEST}


@pytest.mark.parametrize("airflow", [*RELEASES, NEWEST])
def test_pins_are_versions_and_nothing_else(airflow):
    """Each file is for its Airflow, and has no address, no path and no range."""
    file = CONSTRAINTS if airflow == NEWEST else PINS / f"airflow-{airflow}.txt"

    assert pinned(file)["apache-airflow"] == airflow
    for line in file.read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[\w.!+]+( ; .*)?", line)
        assert "/" not in line
