"""Measure the import time of this package, compared with its dependencies.

    python3 dev.py bench imports

Each import runs in new interpreters; the table has the median of the rounds. Airflow parses each
DAG file repeatedly, so importing the classes must take little more time than ``airflow.sdk``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 5
PACKAGE = "airflow_provider_do_images"
MODULES = (
    "operators.restore_points",
    "operators.image_actions",
    "operators.replication",
    "operators.audit",
    "operators.snapshots",
    "sensors.image_actions",
    "triggers.image_actions",
)
CLASSES = ", ".join(f"{PACKAGE}.{module}" for module in MODULES)
CASES = {
    "requests": ("pass", "import requests"),
    f"{PACKAGE}.api with its client": ("pass", f"from {PACKAGE}.api import ApiClient"),
    f"{PACKAGE}.api client, after requests": (
        "import requests",
        f"from {PACKAGE}.api import ApiClient",
    ),
    "airflow.sdk": ("pass", "from airflow.sdk import DAG, BaseOperator, BaseSensorOperator"),
    "operators, sensors, triggers, after airflow.sdk": (
        "from airflow.sdk import DAG, BaseOperator, BaseSensorOperator",
        f"import {CLASSES}",
    ),
}
PROGRAM = """
import time
{before}
started = time.perf_counter()
{measured}
print(time.perf_counter() - started)
"""


def seconds(before: str, measured: str) -> float:
    """Return the seconds of ``measured`` in a new interpreter that has run ``before``."""
    program = PROGRAM.format(before=before, measured=measured)
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return float(result.stdout.split()[-1])


def main() -> None:
    """Print the table."""
    medians = {
        name: statistics.median(seconds(*case) for _ in range(ROUNDS))
        for name, case in CASES.items()
    }
    for name, median in medians.items():
        print(f"{median:8.3f} s  {median / medians['requests']:6.2f} x requests  {name}")


if __name__ == "__main__":
    main()
