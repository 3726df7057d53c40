"""The command: ``python -m airflow_provider_do_images.plan``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from airflow_provider_do_images.actions.cost import USD_PER_GIB_MONTH
from airflow_provider_do_images.actions.inventory import Selection
from airflow_provider_do_images.actions.policy import check_policy
from airflow_provider_do_images.actions.retention import Retention
from airflow_provider_do_images.api import ApiClient, DigitalOceanError, InvalidInputError
from airflow_provider_do_images.api.inputs import check_price, check_regions, check_seconds
from airflow_provider_do_images.plan import Forecast, Wishes, forecast

TOKEN = "DIGITALOCEAN_TOKEN"  # noqa: S105 - the name of a variable
RULES = ("keep_last", "daily", "weekly", "monthly")


def main(arguments: list[str]) -> int:
    """Print the plan; return 1 if it could not be made and 2 for bad input."""
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        wishes = _wishes(options)
        token = os.environ.get(TOKEN, "")
        if not token:
            raise InvalidInputError(f"put an API token, which may be read-only, into {TOKEN}")
        with ApiClient(token, options.url) as client:
            found = forecast(client, wishes, now=datetime.now(UTC))
    except DigitalOceanError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidInputError) else 1
    if options.json:
        print(json.dumps({**asdict(found), "usd_per_month": found.usd_per_month}, indent=2))
    else:
        show(console, found)
    return 0


def show(console: Console, found: Forecast) -> None:
    """Write the plan as a table, and what there is to know besides as lines."""
    names = ("what", "droplet", "image", "region", "USD a month", "why")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for step in found.steps:
        if step.what == "keep":
            continue
        cost = "?" if step.usd_per_month is None else f"{step.usd_per_month:+.2f}"
        droplet = step.droplet_name or f"{step.droplet_id} (gone)"
        costs = cost if step.usd_per_month != 0 else ""
        table.add_row(step.what, droplet, str(step.image_id), step.region or "", costs, step.why)
    console.print(table if table.rows else "Nothing is to be converted, copied or deleted.")
    if kept := sum(step.what == "keep" for step in found.steps):
        console.print(f"After that, {kept} snapshots of the policy are kept; --json says why.")
    for title, rows in (("MISSING", found.missing), ("UNPROTECTED", found.unprotected)):
        for row in rows:
            console.print(
                f"{title}: droplet {row['droplet_name']} ({row['droplet_id']}): {row['reason']}",
                style="yellow",
                soft_wrap=True,
            )
    if found.missing_scopes:
        lacking = ", ".join(found.missing_scopes)
        console.print(f"The token lacks {lacking}", style="yellow", soft_wrap=True)
    needed = ", ".join(found.needed_scopes) or "no scope to write"
    console.print(
        f"To carry this out takes up to {found.requests} requests, besides lists of the account "
        f"and the looks of the waits, and {needed}. It changes the bill by "
        f"{found.usd_per_month:+.2f} USD a month.",
        soft_wrap=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_do_images.plan",
        description="Say what would be converted, copied and deleted, and why. Sends GETs only.",
        epilog=f"The API token is read from the environment variable {TOKEN}.",
    )
    parser.add_argument("--policy", required=True, help="whose snapshots, such as prod-nightly")
    parser.add_argument("--tag", help="the droplets with this tag")
    parser.add_argument("--droplet-name", help="or those with this name")
    parser.add_argument("--droplet-id", help="or the one with this id")
    parser.add_argument("--regions", required=True, help="where to copy to, such as ams3,sgp1")
    parser.add_argument(
        "--max-backup-age", default=36.0, type=float, metavar="HOURS", help="default 36"
    )
    for rule in RULES:
        option = f"--{rule.replace('_', '-')}"
        parser.add_argument(option, default=0, metavar="N", help="a rule of prune")
    parser.add_argument("--minimum-age", default=24.0, type=float, metavar="HOURS")
    parser.add_argument("--minimum-keep", default=2, metavar="N")
    parser.add_argument("--protected-tag", default="keep", metavar="TAG")
    parser.add_argument("--prune-orphans", action="store_true")
    parser.add_argument(
        "--usd-per-gib-month", default=USD_PER_GIB_MONTH, help="price; default %(default)s"
    )
    parser.add_argument("--url", default="", help="of a stand-in for the API")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _wishes(options: argparse.Namespace) -> Wishes:
    regions = check_regions(options.regions, least=1)
    counts: dict[str, Any] = {rule: getattr(options, rule) for rule in RULES}
    retention = None
    if any(str(count) != "0" for count in counts.values()):
        retention = Retention.checked(
            **counts,
            regions=regions,
            minimum_age=options.minimum_age * 3600,
            minimum_keep=options.minimum_keep,
            protected_tag=options.protected_tag,
            prune_orphans=options.prune_orphans,
        )
    hours = options.max_backup_age
    return Wishes(
        check_policy(options.policy),
        Selection.checked(options.droplet_id, options.droplet_name, options.tag),
        regions,
        timedelta(seconds=check_seconds("max_backup_age", hours * 3600)),
        retention,
        check_price("usd_per_gib_month", options.usd_per_gib_month),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
