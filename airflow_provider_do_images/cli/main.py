"""The entry point of ``do-images``."""

from __future__ import annotations

import argparse
from typing import NoReturn

from airflow_provider_do_images.cli import plan, simulator


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    :param arguments: default: the arguments of the process.
    :return: the exit code: 0 for success, 1 for a failure, 2 for invalid input.
    """
    options = make_parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def make_parser() -> argparse.ArgumentParser:
    """Return the parser with all commands."""
    parser: argparse.ArgumentParser = _Parser(
        prog="do-images",
        description="Plan backups and copies of DigitalOcean images, or simulate the API.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    plan.add_command(commands)
    simulator.add_command(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that reports invalid input in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")
