"""The account that a simulator begins with: small, believable, and the same for the same seed."""

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
"""A time, and what happened then."""


def seed_default_account(state: AccountState) -> None:
    """Give an empty account three droplets, their backups, some images, and a past."""
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
    web = _droplet(state, "web-01", now - 200 * DAY, tags=["prod", "web"], backups="weekly")
    database = _droplet(
        state,
        "db-01",
        now - 180 * DAY,
        region="fra1",
        tags=["prod", "db"],
        backups="daily",
        used_gigabytes=11.8,
    )
    _droplet(state, "web-02", now - 90 * DAY, tags=["prod", "web"], backups="weekly")
    events = [*_past_image_events(state, web, database, now)]
    for droplet in state.droplets.values():
        events += _past_backup_events(state, droplet, now)
    # Ids rise with time, so what is older must be added first.
    for moment, event in sorted(events, key=lambda event: event[0]):
        event(moment)


def _droplet(state: AccountState, name: str, created_at: float, **values: object) -> Droplet:
    return state.add_droplet(name, created_at=created_at, **values)  # type: ignore[arg-type]


def _past_backup_events(
    state: AccountState, droplet: Droplet, now: float
) -> Iterator[ScheduledEvent]:
    """Yield the backups of this droplet that have not expired yet."""
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
    """Yield a snapshot with one copy and one failed copy, and a custom image."""
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
