#!/usr/bin/env python3
"""Set up, test, check and show this project; Python 3.11 or newer and git are all it needs.

    python3 dev.py demo [--keep]      run the nightly example in a real Airflow, without an account
    python3 dev.py test [ARGS ...]    run the tests; ARGS go to pytest, and so do these:
                        --system      the long tests instead: a real Airflow, a browser, the wheel
                        --fresh       new random seeds instead of the fixed ones
                        -n 0          one process, for a debugger
    python3 dev.py check              run the linter, the formatter's check and the type checker
    python3 dev.py docs               build the documentation into docs/_build/html
    python3 dev.py faults [...]       submit and wait under random faults and kills; --help for more
    python3 dev.py mutants [NAME ...] break the package in small ways, and see that a test fails
    python3 dev.py bench NAME [...]   run a benchmark: imports, poller, simulator, triggerer
    python3 dev.py matrix [...]       test the wheel with each supported Airflow and Python
    python3 dev.py build              build what is released into dist/, twice, and compare
    python3 dev.py pins               compute constraints.txt and constraints/ anew

The first command makes .venv in this folder; the next ones find it and install nothing.
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
    """Run the command that was asked for; return its exit code."""
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
    if sys.version_info < (3, 11):  # noqa: UP036  the reader may well run an older one
        print(f"Python 3.11 or newer is needed; this is {platform.python_version()}.")
        return 2
    os.chdir(ROOT)
    set_up()
    if command in {"demo", "faults", "mutants", "matrix", "build", "pins"}:
        become(f"devtools.{command}", rest)
    if command == "test":
        become("pytest", rest)
    if command == "docs":
        become(DOCS[0], [*DOCS[1:], *rest])
    if command == "bench":
        become(f"benchmarks.{rest[0]}", rest[1:])
    return max([subprocess.call([PYTHON, "-m", *check]) for check in CHECKS])


def become(module: str, arguments: list[str]) -> None:
    """Replace this process by a module's, so that signals and exit codes need no forwarding."""
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])  # noqa: S606  no shell is wanted


def set_up() -> None:
    """Make .venv, or bring it up to date, or see by its stamp that it is."""
    place = f"Python {platform.python_version()} in {ROOT}"
    content = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    stamp = STAMP.read_text().splitlines() if STAMP.exists() else []
    if stamp == [place, content]:
        return
    if stamp[:1] != [place]:
        print(f"Making {VENV} with {place}", flush=True)
        # Never a virtual environment's own Python: it may be the one that is made anew.
        python = getattr(sys, "_base_executable", sys.executable)
        install(python, "-m", "venv", "--clear", VENV)
    print("Installing what constraints.txt names", flush=True)
    STAMP.unlink(missing_ok=True)
    pins = ("--quiet", "--constraint", CONSTRAINTS.name)
    install(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *pins, "uv")
    this = ("--group", "dev", "--editable", ".")
    install(PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *pins, *this)
    STAMP.write_text(f"{place}\n{content}\n")


def install(*command: str | Path) -> None:
    """Run one step of the set-up; if it fails, its own message is the last word."""
    if subprocess.call(command) != 0:
        print("This step failed:", *command)
        sys.exit(1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
