#!/usr/bin/env python3
"""Set up, test, check and demonstrate this project. Requires Python 3.11 or newer and git.

    python3 dev.py demo [--keep]      run an example DAG in a real Airflow, without an account
    python3 dev.py test [ARGS ...]    run the tests; ARGS go to pytest, and so do these:
                        --system      the long tests instead: a real Airflow, a browser, the wheel
                        --fresh       new random seeds instead of the fixed ones
                        -n 0          one process, for a debugger
    python3 dev.py check              run the linter, the formatter's check and the type checker
    python3 dev.py docs               build the documentation into docs/_build/html
    python3 dev.py faults [...]       submit and wait under random faults and kills; --help for more
    python3 dev.py mutants [NAME ...] inject small faults into the package; a test must fail
    python3 dev.py bench NAME [...]   run a benchmark: imports, poller, simulator, triggerer
    python3 dev.py matrix [...]       test the wheel with each supported Airflow and Python
    python3 dev.py build              build the release into dist/ twice, and compare both
    python3 dev.py pins               update constraints.txt and constraints/

The first command creates .venv in this folder; later commands reuse it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "dev-stamp"
CONSTRAINTS = ROOT / "constraints.txt"
INPUTS = (CONSTRAINTS, ROOT / "pyproject.toml", Path(__file__))

CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])
DOCS = ["sphinx", "--fail-on-warning", "--keep-going", "--quiet", "docs", "docs/_build/html"]


def main(arguments: list[str]) -> int:
    """Run a command; return its exit code."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    commands = {
        "demo",
        "test",
        "check",
        "docs",
        "faults",
        "mutants",
        "bench",
        "matrix",
        "build",
        "pins",
    }
    if command not in commands or arguments == ["bench"]:
        print(__doc__)
        return 0 if command in {"help", "-h", "--help"} else 2
    if sys.version_info < (3, 11):  # noqa: UP036  the user may run an older one
        print(f"Python 3.11 or newer is needed; this is {platform.python_version()}.")
        return 2
    os.chdir(ROOT)
    set_up()
    if command in {"demo", "faults", "mutants", "matrix", "build"}:
        become(f"devtools.{command}", rest)
    if command == "pins":
        become("devtools.lock_constraints", rest)
    if command == "test":
        become("pytest", rest)
    if command == "docs":
        become(DOCS[0], [*DOCS[1:], *rest])
    if command == "bench":
        become(f"benchmarks.{rest[0]}", rest[1:])
    return max([subprocess.call([PYTHON, "-m", *check]) for check in CHECKS])


def become(module: str, arguments: list[str]) -> None:
    """Replace this process by that of a module, which then gets all signals directly."""
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])  # noqa: S606  no shell is needed


def set_up() -> None:
    """Create or update .venv, unless its stamp shows that it is current."""
    place = f"Python {platform.python_version()} in {ROOT}"
    content = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    stamp = STAMP.read_text().splitlines() if STAMP.exists() else []
    if stamp == [place, content]:
        return
    if stamp[:1] != [place]:
        print(f"Creating {VENV} with {place}", flush=True)
        # Not the Python of a virtual environment: it may be the one that is replaced.
        python = getattr(sys, "_base_executable", sys.executable)
        install(python, "-m", "venv", "--clear", VENV)
    print("Installing the packages of constraints.txt", flush=True)
    STAMP.unlink(missing_ok=True)
    pins = ("--quiet", "--constraint", CONSTRAINTS.name)
    install(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *pins, "uv")
    this = ("--group", "dev", "--editable", ".")
    install(PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *pins, *this)
    STAMP.write_text(f"{place}\n{content}\n")


def install(*command: str | Path) -> None:
    """Run one step of the setup; exit if it fails."""
    if subprocess.call(command) != 0:
        print("This step failed:", *command)
        sys.exit(1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
