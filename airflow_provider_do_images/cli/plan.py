"""The command ``do-images plan``."""

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
from airflow_provider_do_images.core.snapshots.plan_builder import (
    Plan,
    PlanRequest,
    build_plan,
)
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH
from airflow_provider_do_images.core.snapshots.prune import MAX_DELETES
from airflow_provider_do_images.core.snapshots.retention import RetentionPolicy

TOKEN = "DIGITALOCEAN_TOKEN"  # noqa: S105 - the name of a variable
RULES = ("keep_last", "keep_daily", "keep_weekly", "keep_monthly")
MAX_RATE_LIMIT_WAIT = 60.0
"""Seconds that a request waits at most for the unreserved share of the rate limit."""

T = TypeVar("T")


def run(options: argparse.Namespace) -> int:
    """Print the plan; return 1 if it could not be built and 2 for invalid input."""
    try:
        request = _plan_request(options)
        with _client(options.url) as client:
            found = build_plan(client, request, now=datetime.now(UTC))
    except DigitalOceanError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidInputError) else 1
    if options.json:
        print(json.dumps({**asdict(found), "usd_per_month": found.usd_per_month}, indent=2))
    else:
        show(Console(), found)
    return 0


def _client(url: str) -> ApiClient:
    """Return a client for the token in the environment.

    :raises InvalidInputError: with the name of the variable or the option.
    """
    token = os.environ.get(TOKEN, "")
    if not token:
        raise InvalidInputError(f"{TOKEN} is not set; set it to an API token (read-only is enough)")
    base_url = check_base_url(url, "--url")
    try:
        return ApiClient(token, base_url, token_name=TOKEN, max_rate_limit_wait=MAX_RATE_LIMIT_WAIT)
    except InvalidInputError as error:
        raise InvalidInputError(f"{TOKEN}: {error.message}") from None


def show(console: Console, found: Plan) -> None:
    """Print the plan as a table, with warnings and a summary below.

    Names come from the API, so they are not printed as markup or terminal commands.
    """
    names = ("action", "droplet", "image", "region", "USD per month", "reason")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for step in found.steps:
        if step.action == "retain":
            continue
        cost = "?" if step.usd_per_month is None else f"{step.usd_per_month:+.2f}"
        droplet = step.droplet_name or f"{step.droplet_id} (deleted)"
        costs = cost if step.usd_per_month != 0 else ""
        cells = (step.action, droplet, str(step.image_id), step.region or "", costs, step.reason)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table if table.rows else "Nothing to convert, copy or delete.")
    for line in _warnings(found):
        console.print(Text(printable(line)), style="yellow", soft_wrap=True)
    if retained := sum(step.action == "retain" for step in found.steps):
        console.print(
            f"{retained} snapshots of the policy are retained; see --json for the reasons."
        )
    needed = ", ".join(found.needed_scopes) or "no write scope"
    console.print(
        f"Up to {found.requests} requests, plus account lists and polling. "
        f"Needs {needed}. Cost: {found.usd_per_month:+.2f} USD per month.",
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


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "plan",
        help="print what backups, copies and prune would do",
        description="Print the images that would be converted, copied and deleted, with the "
        "reasons. Sends only GET requests.",
        epilog=f"The API token is read from the environment variable {TOKEN}.",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--policy", required=True, help="name of the snapshot policy, such as prod-nightly")
    add("--tag", help="select the droplets with this tag")
    add("--droplet-name", help="select the droplets with this name")
    add("--droplet-id", help="select one droplet by its id")
    add("--regions", required=True, help="target regions, such as ams3,sgp1")
    add(
        "--max-backup-age",
        default="36",
        metavar="HOURS",
        help="maximum age of a restore point; default %(default)s",
    )
    for rule in RULES:
        add(f"--{rule.replace('_', '-')}", default=0, metavar="N", help="retention rule of prune")
    add(
        "--max-delete",
        default=MAX_DELETES,
        metavar="N",
        help="maximum number of deletions; default %(default)s",
    )
    add("--min-age", default="24", metavar="HOURS", help="retain younger snapshots; default 24")
    add("--min-keep", default=2, metavar="N", help="retain at least N per droplet; default 2")
    add("--protected-tag", default="keep", metavar="TAG", help="retain snapshots with this tag")
    add("--prune-orphans", action="store_true", help="also prune snapshots of deleted droplets")
    add("--usd-per-gib-month", default=USD_PER_GIB_MONTH, help="price; default %(default)s")
    add("--url", default="", help="base URL of the API; default: DigitalOcean")
    add("--json", action="store_true", help="print JSON instead of a table")


def _plan_request(options: argparse.Namespace) -> PlanRequest:
    """Return the validated options.

    :raises InvalidInputError: with the name of the option.
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
        raise InvalidInputError("set exactly one of --droplet-id, --droplet-name and --tag")
    return DropletSelector(
        check_id("--droplet-id", options.droplet_id) if options.droplet_id else None,
        check_text("--droplet-name", options.droplet_name) if options.droplet_name else None,
        check_tag("--tag", options.tag) if options.tag else None,
    )


def _count(options: argparse.Namespace, name: str, least: int = 0) -> int:
    return check_count(f"--{name.replace('_', '-')}", getattr(options, name), least=least)


def _hours(option: str, text: str) -> float:
    """Return a number of hours in seconds."""
    return check_seconds(option, text, unit="hours")


def _option(name: str, check: Callable[[], T]) -> T:
    """Run a check and add the option to its error."""
    try:
        return check()
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error.message}") from None
