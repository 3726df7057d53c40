"""``python -m airflow_provider_do_images.simulator``: the simulator on the command line."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

from airflow_provider_do_images.simulator.server import Simulator

LARGEST_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Answer until Ctrl-C; return the exit code."""
    options = parse(arguments)
    simulator = Simulator(options.port, host=options.host, speed=options.speed, seed=options.seed)
    try:
        plug = simulator.listen()
    except OSError as error:
        print(f"Can not listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 2
    print(simulator.url, flush=True)
    with suppress(KeyboardInterrupt):
        simulator.run(plug)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; wrong input ends the program with one line and exit code 2."""
    parser = Parser(
        prog="python -m airflow_provider_do_images.simulator",
        description="A stand-in for DigitalOcean's API of images. Any bearer token is valid.",
    )
    parser.add_argument("--port", type=_port, default=8080, help="0 picks one; default 8080")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    parser.add_argument(
        "--speed", type=_speed, default=60.0, help="virtual seconds in a real one; default 60"
    )
    parser.add_argument("--seed", type=int, default=1, help="for ids and durations; default 1")
    return parser.parse_args(arguments)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Print the message and end the program."""
        self.exit(2, f"{message}\n")


def _port(text: str) -> int:
    if not (text.isdigit() and int(text) <= LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"must be from 0 to {LARGEST_PORT}, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 0 < (speed := float(text)) < float("inf"):
            return speed
    raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")


if __name__ == "__main__":
    sys.exit(main())
