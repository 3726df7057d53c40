"""Backup windows and retention as pure functions of Unix seconds.

DigitalOcean retains weekly backups for 28 days and daily backups for 7 days. Windows are 4 h long
and start at 0, 4, 8, 12, 16 or 20 h UTC (confirmed: DigitalOcean docs on backups, and the policies
in its OpenAPI specification). The time inside the window is assumed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_do_images.simulator.state.models import BackupPlan, Droplet

HOUR = 3600
DAY = 24 * HOUR
WINDOW = 4 * HOUR
PERIOD: dict[BackupPlan, int] = {"daily": DAY, "weekly": 7 * DAY}
RETENTION: dict[BackupPlan, int] = {"daily": 7 * DAY, "weekly": 28 * DAY}
LONGEST_RETENTION = RETENTION["weekly"]
SUNDAY_AFTER_EPOCH = 3 * DAY  # 1970-01-01 was a Thursday


def next_window(droplet: Droplet, after: float) -> int:
    """Return the start of the droplet's first backup window after a time."""
    if droplet.backups is None:
        raise ValueError(f"droplet {droplet.id} has backups disabled")
    period = PERIOD[droplet.backups]
    offset = droplet.backup_hour * HOUR
    if droplet.backups == "weekly":
        offset += SUNDAY_AFTER_EPOCH + droplet.backup_weekday * DAY
    return int((after - offset) // period + 1) * period + offset


def expiry_time(plan: BackupPlan | None, created_at: int) -> int:
    """Return the expiry time of a backup; without a known plan, the longest retention applies."""
    return created_at + (RETENTION[plan] if plan else LONGEST_RETENTION)


def backup_name(droplet_name: str, created_at: float) -> str:
    """Return a backup's name in DigitalOcean's format, with its space: ``web-01- 2020-07-29``."""
    return f"{droplet_name}- {datetime.fromtimestamp(created_at, UTC).date()}"
