"""Update the tables of docs/results.md: keys, types and examples of the rows that tasks return.

    python3 -m devtools.result_schema

The column "meaning" is written by hand, on the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_do_images.api import Droplet, Image, ImageAction
from airflow_provider_do_images.assets import copy_extra
from airflow_provider_do_images.core.results import ActionResult, Submission, WaitStatus
from airflow_provider_do_images.core.snapshots.audit import AuditFinding, CopyLocation
from airflow_provider_do_images.core.snapshots.inventory import PolicySnapshot
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.snapshots.restore_points import (
    MissingRestorePoint,
    RestorePoint,
)
from airflow_provider_do_images.core.snapshots.retention import RetentionDecision

PAGE = Path(__file__).parent.parent / "docs" / "results.md"

_POLICY = "prod-nightly"
_TAKEN_AT = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
_DROPLET = Droplet(3164444, "web-01", region="nyc3")
_NAME = SnapshotName(_POLICY, _DROPLET.id, _TAKEN_AT)
_BACKUP = Image(
    7938206, "web-01- 2026-11-23", "backup", ("nyc3",), created_at=_TAKEN_AT, size_gigabytes=2.34
)
_SNAPSHOT = replace(_BACKUP, name=str(_NAME), type="snapshot", regions=("nyc3", "ams3"))
_ACTION = ImageAction.from_json(
    {
        "id": 3038067722,
        "status": "completed",
        "type": "transfer",
        "started_at": "2026-11-23T03:20:00Z",
        "completed_at": "2026-11-23T03:31:00Z",
        "resource_id": _SNAPSHOT.id,
        "resource_type": "image",
        "region": {"slug": "ams3", "name": "Amsterdam 3", "features": [], "available": True},
        "region_slug": "ams3",
    }
)
_RESULT = ActionResult(
    _SNAPSHOT.id,
    _DROPLET.id,
    _DROPLET.name,
    "ams3",
    Submission.SUBMITTED,
    WaitStatus.COMPLETED,
    action=_ACTION,
)
_EMPTY = ActionResult(_SNAPSHOT.id, error="the API refused the region")
_MISSING = MissingRestorePoint(_DROPLET.id, _DROPLET.name, "it has no backup yet")
_SNAPSHOT_OF_POLICY = PolicySnapshot(_SNAPSHOT, _NAME)
_DECISION = RetentionDecision(
    _SNAPSHOT_OF_POLICY, _DROPLET.name, True, ("no rule retains it",), 0.14
)
_UNSIZED = PolicySnapshot(replace(_SNAPSHOT, size_gigabytes=None), _NAME)


def samples() -> dict[str, Sequence[dict[str, Any]]]:
    """Return rows by table: a complete one, then one with all nulls that are possible."""
    point = RestorePoint(_DROPLET, _BACKUP, _TAKEN_AT, is_policy_snapshot=False)
    here = CopyLocation(_DROPLET, "ams3", _SNAPSHOT_OF_POLICY)
    finding = AuditFinding(here, 97200.0, _ACTION.completed_at, 96240.0, "too old", "image 7938206")
    running = ImageAction.from_json({"id": 1, "status": "in-progress"}, image_id=_SNAPSHOT.id)
    return {
        "actions": [_RESULT.to_json(), _EMPTY.to_json()],
        "list-of-actions": [_ACTION.to_json(), running.to_json()],
        "restore-points": [
            point.to_row(_POLICY, timedelta(days=7), "fail"),
            _MISSING.to_row(_POLICY, "fail"),
        ],
        "droplets-without-restore-point": [_MISSING.to_json()],
        "prune": [
            _DECISION.to_row(),
            replace(_DECISION, snapshot=_UNSIZED, droplet_name=None, usd_per_month=None).to_row(),
        ],
        "audit": [finding.to_row(), AuditFinding(CopyLocation(_DROPLET, "ams3", None)).to_row()],
        "asset-events": [copy_extra(_RESULT), copy_extra(replace(_EMPTY, region="ams3"))],
    }


def table(rows: Sequence[dict[str, Any]], meanings: dict[str, str]) -> str:
    """Return a table of the keys."""
    lines = ["| key | type | meaning | example |", "| --- | --- | --- | --- |"]
    for key in rows[0]:
        values = [value for row in rows if (value := row[key]) is not None]
        kind = type(values[0]).__name__ + (" or null" if len(values) < len(rows) else "")
        example = "{...}" if isinstance(values[0], dict) else json.dumps(values[0])
        lines.append(f"| `{key}` | {kind} | {meanings.get(key, '')} | `{example}` |")
    return "\n".join(lines)


def render(page: str) -> str:
    """Return the page with every table replaced. A meaning stays; that of a new key is empty."""
    for name, rows in samples().items():
        pattern = f"(?<=<!-- {name} -->\n).*?(?=\n<!-- end -->)"
        [old] = re.findall(pattern, page, re.DOTALL)
        meanings = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", old, re.MULTILINE))
        page = page.replace(old, table(rows, meanings))
    return page


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
