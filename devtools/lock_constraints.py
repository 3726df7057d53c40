"""Write the exact versions for the tests: the newest, and those of older Airflow releases.

python3 dev.py pins
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from dev import CONSTRAINTS, ROOT

PINS = ROOT / "constraints"
RELEASES = {
    # The oldest supported version, with the oldest supported requests. It cannot import
    # structlog 25.5, which was released on the same day.
    "3.1.1": ("2025-10-28", ["requests==2.32.2", "structlog<25.5"]),
    "3.1.8": ("2026-03-12", []),
    "3.2.2": ("2026-05-30", []),
}
"""Older versions of Airflow, with the day after their release and further constraints.

Newer versions of other packages may be incompatible, so each file has the versions of that day.
"""


def main() -> int:
    """Write constraints.txt, and a file in constraints/ for each older version."""
    PINS.mkdir(exist_ok=True)
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["test"]
    names = [tool.partition(">=")[0] for tool in tools]
    failed = compile_pins(CONSTRAINTS, ["--group", "dev"])
    for airflow, (day, also) in RELEASES.items():
        with NamedTemporaryFile("w", suffix=".txt") as held:
            held.write("\n".join([f"apache-airflow=={airflow}", *also]))
            held.flush()
            # The tests are current, so they need current test tools.
            today = [f"--exclude-newer-package={name}=false" for name in names]
            as_of = ["--group", "test", "--exclude-newer", day, *today, "--constraint", held.name]
            failed += compile_pins(PINS / f"airflow-{airflow}.txt", as_of)
    return min(failed, 1)


def compile_pins(file: Path, what: Iterable[str]) -> int:
    """Write one file: the newest compatible versions for all supported Pythons."""
    print(file.relative_to(ROOT), flush=True)
    how = ["pyproject.toml", "--universal", "--python-version", "3.11", "--upgrade", "--quiet"]
    # The file is public: it must not contain the package index or folders of this machine.
    plain = ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    uv = [sys.executable, "-m", "uv", "pip", "compile"]
    return subprocess.call([*uv, *how, *plain, "--output-file", file, *what])


def pinned(file: Path) -> dict[str, str]:
    """Return the version of each package in a constraints file."""
    lines = [line.partition(";")[0].strip() for line in file.read_text().splitlines()]
    return dict(line.split("==") for line in lines)


if __name__ == "__main__":
    sys.exit(main())
