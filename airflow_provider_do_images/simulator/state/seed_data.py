"""The default account of a simulator: small, realistic, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_provider_do_images.simulator.state import backup_schedule as schedule
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.backup_schedule import DAY, HOUR
from airflow_provider_do_images.simulator.state.models import COMPLETED, ERRORED, Droplet

BASE_IMAGES = (
    ("24.04 (LTS) x64", "ubuntu-24-04-x64", "Ubuntu"),
    ("22.04 (LTS) x64", "ubuntu-22-04-x64", "Ubuntu"),
    ("12 x64", "debian-12-x64", "Debian"),
    ("10 x64", "rockylinux-10-x64", "Rocky Linux"),
)
"""Name, slug and distribution."""

ScheduledEvent = tuple[float, Callable[[float], object]]
"""A time, and the function that adds an object with that time."""


def seed_default_account(state: AccountState) -> None:
    """Fill an empty account with three droplets, their backups, images and an action history."""
    now = state.process_due_events()
    for name, slug, distribution in BASE_IMAGES:
        image = state.add_image(
            name,
            type="base",
            regions=[region.slug for region in state.regions.values() if region.listed],
            size_gigabytes=None,
            created_at=now - 400 * DAY,
            slug=slug,
        )
        image.distribution = distribution
    web = state.add_droplet(
        "web-01", created_at=now - 200 * DAY, tags=["prod", "web"], backups="weekly"
    )
    database = state.add_droplet(
        "db-01",
        created_at=now - 180 * DAY,
        region="fra1",
        tags=["prod", "db"],
        backups="daily",
        used_gigabytes=11.8,
    )
    state.add_droplet("web-02", created_at=now - 90 * DAY, tags=["prod", "web"], backups="weekly")
    events = [*_past_image_events(state, web, database, now)]
    for droplet in state.droplets.values():
        events += _past_backup_events(state, droplet, now)
    # Ids increase with time, so older objects are added first.
    for moment, add in sorted(events, key=lambda event: event[0]):
        add(moment)


def _past_backup_events(
    state: AccountState, droplet: Droplet, now: float
) -> Iterator[ScheduledEvent]:
    """Yield the backups of a droplet that have not expired."""
    if droplet.backups is None:
        return
    window = schedule.next_window(droplet, now - schedule.RETENTION[droplet.backups])
    while window < now - schedule.WINDOW:
        moment = window + state.random_for("backup", droplet.id, window).uniform(0, HOUR)
        yield moment, lambda time: state.add_backup(droplet, time)
        window = schedule.next_window(droplet, window)


def _past_image_events(
    state: AccountState, web: Droplet, database: Droplet, now: float
) -> Iterator[ScheduledEvent]:
    """Yield a copied snapshot, a custom image and a newer snapshot."""
    golden = now - 60 * DAY
    yield golden, lambda time: _add_copied_snapshot(state, web, time)
    yield (
        now - 45 * DAY,
        lambda time: state.add_image(
            "appliance", type="custom", regions=["nyc3"], size_gigabytes=1.2, created_at=time
        ),
    )
    yield (
        now - 5 * DAY,
        lambda time: state.add_image(
            "db-01-before-17",
            regions=["fra1"],
            size_gigabytes=11.8,
            droplet_id=database.id,
            created_at=time,
        ),
    )


def _add_copied_snapshot(state: AccountState, droplet: Droplet, time: float) -> None:
    snapshot = state.add_image(
        f"{droplet.name}-before-upgrade",
        regions=["nyc3", "ams3"],
        droplet_id=droplet.id,
        created_at=time,
        tags=["keep"],
    )
    past = (
        ("convert_to_snapshot", None, COMPLETED, 2 * HOUR, 0),
        ("transfer", "ams3", COMPLETED, 3 * HOUR, 412),
        ("transfer", "sgp1", ERRORED, 4 * HOUR, 2873),
    )
    for type_, region, status, after, seconds in past:
        state.add_action(
            snapshot.id,
            type=type_,
            region=region,
            status=status,
            started_at=time + after,
            completed_at=time + after + seconds,
        )
