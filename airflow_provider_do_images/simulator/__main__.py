"""``python -m airflow_provider_do_images.simulator``: the simulator on the command line."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock
from airflow_provider_do_images.simulator.control import HEADER, PATH
from airflow_provider_do_images.simulator.faults.config import load_faults
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.rules.settings import apply_settings
from airflow_provider_do_images.simulator.rules.table import format_table
from airflow_provider_do_images.simulator.server import Simulator

LARGEST_PORT = 65535
LARGEST_SPEED = 1_000_000.0
"""A year in half a minute: with more the calendar would end."""


def main(arguments: list[str] | None = None) -> int:
    """Answer until Ctrl-C; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.rules:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # "| head" shall end it without a word
        print(format_table())
        return 0
    if options.speed == 0 and not options.control:
        parser.error("--speed 0 needs --control: nothing else could move the clock")
    try:
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
        parser.error(str(error))
    print(simulator.url, flush=True)
    if simulator.control_key:
        print(f"{simulator.url}{PATH} {HEADER}: {simulator.control_key}", flush=True)
    with suppress(KeyboardInterrupt):
        simulator.run(listener)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; wrong input ends the program with one line and exit code 2."""
    parser = _Parser(
        prog="python -m airflow_provider_do_images.simulator",
        description="A stand-in for DigitalOcean's API of images. Any bearer token is valid. The "
        "first line it prints is its address.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=8765, help="0 picks one; default 8765")
    add("--host", type=_host, default="127.0.0.1", help="where to listen; default 127.0.0.1")
    add(
        "--speed",
        type=_speed,
        default=60.0,
        help="virtual seconds in a real one; 0 to step by hand; default 60",
    )
    add("--seed", type=int, default=1, help="for ids, durations and chances; default 1")
    add("--faults", type=Path, metavar="FILE", help="YAML file with a list of faults")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="turn a switch")
    add("--control", action="store_true", help=f"offer {PATH}; its key is on the second line")
    add("--rules", action="store_true", help="print all rules with their marks, and end")
    return parser


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the message and end the program with exit code 2."""
        self.exit(2, f"{message}\n")


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


if __name__ == "__main__":
    sys.exit(main())
