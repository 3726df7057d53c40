"""The command: ``python -m airflow_provider_do_images.plan``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from airflow_provider_do_images.api import ApiClient, DigitalOceanError, InvalidInputError
from airflow_provider_do_images.api.http.connection import check_base_url
from airflow_provider_do_images.api.text import printable
from airflow_provider_do_images.api.validation import (
    check_count,
    check_id,
    check_price,
    check_regions,
    check_seconds,
    check_tag,
    check_text,
)
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.naming import check_policy
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH
from airflow_provider_do_images.core.snapshots.prune import MAX_DELETES
from airflow_provider_do_images.core.snapshots.retention import RetentionPolicy
from airflow_provider_do_images.plan import Plan, PlanRequest, build_plan

TOKEN = "DIGITALOCEAN_TOKEN"  # noqa: S105 - the name of a variable
RULES = ("keep_last", "keep_daily", "keep_weekly", "keep_monthly")
PATIENCE = 60.0
"""Seconds for which a request waits at most while the token's other users come first."""

T = TypeVar("T")


def main(arguments: list[str]) -> int:
    """Print the plan; return 1 if it could not be made and 2 for bad input."""
    options = _parser().parse_args(arguments)
    try:
        wishes = _wishes(options)
        with _client(options.url) as client:
            found = build_plan(client, wishes, now=datetime.now(UTC))
    except DigitalOceanError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidInputError) else 1
    if options.json:
        print(json.dumps({**asdict(found), "usd_per_month": found.usd_per_month}, indent=2))
    else:
        show(Console(), found)
    return 0


def _client(url: str) -> ApiClient:
    """Return a client for the token in the environment; it respects the default reserve.

    :raises InvalidInputError: naming the variable or the option.
    """
    token = os.environ.get(TOKEN, "")
    if not token:
        raise InvalidInputError(f"put an API token, which may be read-only, into {TOKEN}")
    base_url = check_base_url(url, "--url")
    try:
        return ApiClient(token, base_url, token_name=TOKEN, max_rate_limit_wait=PATIENCE)
    except InvalidInputError as error:
        raise InvalidInputError(f"{TOKEN}: {error.message}") from None


def show(console: Console, found: Plan) -> None:
    """Write the plan as a table, and what there is to know besides as lines.

    Names come from the API: rich must not read them as markup, nor a terminal as commands.
    """
    names = ("what", "droplet", "image", "region", "USD a month", "why")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for step in found.steps:
        if step.what == "keep":
            continue
        cost = "?" if step.usd_per_month is None else f"{step.usd_per_month:+.2f}"
        droplet = step.droplet_name or f"{step.droplet_id} (gone)"
        costs = cost if step.usd_per_month != 0 else ""
        cells = (step.what, droplet, str(step.image_id), step.region or "", costs, step.why)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table if table.rows else "Nothing is to be converted, copied or deleted.")
    for line in _warnings(found):
        console.print(Text(printable(line)), style="yellow", soft_wrap=True)
    if kept := sum(step.what == "keep" for step in found.steps):
        console.print(f"After that, {kept} snapshots of the policy are kept; --json says why.")
    needed = ", ".join(found.needed_scopes) or "no scope to write"
    console.print(
        f"To carry this out takes up to {found.requests} requests, besides lists of the account "
        f"and the looks of the waits, and {needed}. It changes the bill by "
        f"{found.usd_per_month:+.2f} USD a month.",
        soft_wrap=True,
    )


def _warnings(found: Plan) -> Iterator[str]:
    if found.refusal:
        yield f"REFUSED: prune would refuse to delete: {found.refusal}"
    for title, rows in (("MISSING", found.missing), ("UNPROTECTED", found.unprotected)):
        for row in rows:
            yield f"{title}: droplet {row['droplet_name']} ({row['droplet_id']}): {row['reason']}"
    if found.missing_scopes:
        yield f"The token lacks {', '.join(found.missing_scopes)}"
    if found.warning:
        yield found.warning


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
    parser.add_argument(
        "--regions",
        required=True,
        help="where to copy to, such as ams3,sgp1; also those of prune",
    )
    parser.add_argument(
        "--max-backup-age", default="36", metavar="HOURS", help="default %(default)s"
    )
    for rule in RULES:
        option = f"--{rule.replace('_', '-')}"
        parser.add_argument(option, default=0, metavar="N", help="a rule of prune")
    parser.add_argument(
        "--max-delete",
        default=MAX_DELETES,
        metavar="N",
        help="as many images as prune may delete; default %(default)s",
    )
    parser.add_argument("--min-age", default="24", metavar="HOURS")
    parser.add_argument("--min-keep", default=2, metavar="N")
    parser.add_argument("--protected-tag", default="keep", metavar="TAG")
    parser.add_argument("--prune-orphans", action="store_true")
    parser.add_argument(
        "--usd-per-gib-month", default=USD_PER_GIB_MONTH, help="price; default %(default)s"
    )
    parser.add_argument("--url", default="", help="of a stand-in for the API")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _wishes(options: argparse.Namespace) -> PlanRequest:
    """Check all options.

    :raises InvalidInputError: naming the option.
    """
    regions = _option("--regions", lambda: check_regions(options.regions, least=1))
    counts = {rule: _count(options, rule) for rule in RULES}
    limits: dict[str, Any] = {
        "min_age": _hours("--min-age", options.min_age),
        "min_keep": _count(options, "min_keep", least=1),
        "protected_tag": check_tag("--protected-tag", options.protected_tag),
        "prune_orphans": options.prune_orphans,
    }
    rules = any(counts.values())
    return PlanRequest(
        _option("--policy", lambda: check_policy(options.policy)),
        _selection(options),
        regions,
        timedelta(seconds=_hours("--max-backup-age", options.max_backup_age)),
        RetentionPolicy.checked(**counts, **limits, regions=regions) if rules else None,
        check_price("--usd-per-gib-month", options.usd_per_gib_month),
        _count(options, "max_delete", least=1),
    )


def _selection(options: argparse.Namespace) -> DropletSelector:
    given = [one for one in (options.droplet_id, options.droplet_name, options.tag) if one]
    if len(given) != 1:
        raise InvalidInputError("give exactly one of --droplet-id, --droplet-name and --tag")
    return DropletSelector(
        check_id("--droplet-id", options.droplet_id) if options.droplet_id else None,
        check_text("--droplet-name", options.droplet_name) if options.droplet_name else None,
        check_tag("--tag", options.tag) if options.tag else None,
    )


def _count(options: argparse.Namespace, name: str, least: int = 0) -> int:
    return check_count(f"--{name.replace('_', '-')}", getattr(options, name), least=least)


def _hours(option: str, text: str) -> float:
    """Return seconds."""
    return check_seconds(option, text, unit="hours")


def _option(name: str, check: Callable[[], T]) -> T:
    """Name the option in the error of a check that knows the parameter alone."""
    try:
        return check()
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error.message}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
