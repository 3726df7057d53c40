"""The account (``sim.state``): droplets and scheduled backups in addition to ``Lifecycle``."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_do_images.simulator.state import backup_schedule as schedule
from airflow_provider_do_images.simulator.state.lifecycle import Lifecycle
from airflow_provider_do_images.simulator.state.models import (
    DEFAULT_SIZE,
    BackupPlan,
    Droplet,
    Image,
)


class AccountState(Lifecycle):
    """One account: dictionaries by id, and methods that change them.

    ``images``, ``droplets`` and ``actions`` show the account as of the last call of
    ``process_due_events``. Each request and each method here calls it first.
    """

    def add_droplet(
        self,
        name: str,
        *,
        region: str = "nyc3",
        tags: Iterable[str] = (),
        backups: BackupPlan | None = None,
        created_at: float | None = None,
        used_gigabytes: float = 2.5,
        size_slug: str = DEFAULT_SIZE,
    ) -> Droplet:
        """Add a droplet without an action.

        :param backups: enable ``daily`` or ``weekly`` backups; None: backups are off.
        :param created_at: Unix seconds; default: now.
        :param used_gigabytes: the size of its snapshots and backups.
        :param size_slug: a slug such as ``gpu-h100x1-80gb`` creates a droplet with GPUs.
        """
        with self.lock:
            now = self.process_due_events()
            bases = self.image_index.oldest_first(("type", "base"), 0, 1)
            droplet = Droplet(
                id=self.next_id(Droplet),
                name=name,
                region=self.regions[region].slug,
                created_at=int(now if created_at is None else created_at),
                image_id=bases[0] if bases else None,
                tags=list(tags),
                used_gigabytes=used_gigabytes,
                size_slug=size_slug,
            )
            random = self.random_for("backups", droplet.id)
            droplet.backup_hour = random.randrange(0, 24, 4)
            droplet.backup_weekday = random.randrange(7)
            self.insert(droplet)
            self.set_backup_plan(droplet, backups)
            return droplet

    def set_backup_plan(self, droplet: Droplet, plan: BackupPlan | None) -> None:
        """Enable scheduled backups with this plan; None: disable them."""
        droplet.backups = plan
        droplet.next_window_at = None
        if plan is not None:
            self._schedule_backup(droplet, self.process_due_events())

    def _schedule_backup(self, droplet: Droplet, after: float) -> None:
        window = droplet.next_window_at = schedule.next_window(droplet, after)
        delay = self.random_for("backup", droplet.id, window).uniform(0, schedule.WINDOW)

        def back_up(now: float) -> None:
            if droplet.id in self.droplets and droplet.next_window_at == window:
                self.add_backup(droplet, now)
                self._schedule_backup(droplet, window)

        self.timeline.at(window + delay, back_up)

    def add_backup(self, droplet: Droplet, created_at: float) -> Image:
        """Add a backup with DigitalOcean's name format and retention."""
        return self.add_image(
            schedule.backup_name(droplet.name, created_at),
            type="backup",
            regions=(droplet.region,),
            size_gigabytes=droplet.used_gigabytes,
            droplet_id=droplet.id,
            created_at=created_at,
        )
