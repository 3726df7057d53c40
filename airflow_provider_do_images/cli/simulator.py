"""The command ``do-images simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path

from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock
from airflow_provider_do_images.simulator.control import HEADER, PATH
from airflow_provider_do_images.simulator.faults.config import load_faults
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.rules.settings import apply_settings
from airflow_provider_do_images.simulator.rules.table import format_table
from airflow_provider_do_images.simulator.server import Simulator

LARGEST_PORT = 65535
LARGEST_SPEED = 1_000_000.0
"""One year in 30 s. Higher speeds would exceed the range of dates."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "simulator",
        help="simulate the DigitalOcean API on this machine",
        description="Simulate the DigitalOcean image API. Any bearer token is valid. The first "
        "line of the output is the base URL.",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--port", type=_port, default=8765, help="0: a free port; default 8765")
    add("--host", type=_host, default="127.0.0.1", help="address to listen on; default 127.0.0.1")
    add(
        "--speed",
        type=_speed,
        default=60.0,
        help="virtual seconds per real second; 0: advance by hand; default 60",
    )
    add("--seed", type=int, default=1, help="for ids, durations and probabilities; default 1")
    add("--faults", type=Path, metavar="FILE", help="YAML file with a list of faults")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="set a switch")
    add("--control", action="store_true", help=f"serve {PATH}; the second line has its key")
    add("--rules", action="store_true", help="print the rules with their evidence, and exit")


def run(options: argparse.Namespace) -> int:
    """Serve requests until Ctrl-C; return the exit code."""
    if options.rules:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # no traceback for "| head"
        print(format_table())
        return 0
    try:
        if options.speed == 0 and not options.control:
            raise ValueError("--speed 0 needs --control to advance the clock")  # noqa: TRY301
        simulator = Simulator(
            options.port,
            host=options.host,
            clock=ScaledClock(options.speed) if options.speed else ManualClock(),
            seed=options.seed,
            rules=apply_settings(Rules(), options.set),
            faults=load_faults(options.faults) if options.faults else (),
            control=options.control,
        )
        listener = simulator.listen()
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(simulator.url, flush=True)
    if simulator.control_key:
        print(f"{simulator.url}{PATH} {HEADER}: {simulator.control_key}", flush=True)
    with suppress(KeyboardInterrupt):
        simulator.run(listener)
    return 0


def _port(text: str) -> int:
    if not (text.isdigit() and int(text) <= LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"must be from 0 to {LARGEST_PORT}, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (speed := float(text)) <= LARGEST_SPEED:
            return speed
    raise argparse.ArgumentTypeError(f"must be a number from 0 to 1,000,000, not {text!r}")


def _host(text: str) -> str:
    if not text:  # the socket would listen on all addresses
        raise argparse.ArgumentTypeError("must not be empty")
    return text
