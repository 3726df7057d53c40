"""Images and actions over time: start, end and expiry, and objects that a test adds directly.

Time comes from an injected clock. It takes effect when ``process_due_events`` is called. Every
method that changes the account calls it first; reading an attribute changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random
from threading import RLock

from airflow_provider_do_images.simulator.clock import Clock
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.state import backup_schedule as schedule
from airflow_provider_do_images.simulator.state.models import (
    COMPLETED,
    DISAPPEARED,
    ERRORED,
    IN_PROGRESS,
    Action,
    ActionOutcome,
    Droplet,
    Image,
)
from airflow_provider_do_images.simulator.state.store import Store
from airflow_provider_do_images.simulator.state.timeline import Timeline

DEFAULT_OUTCOME = ActionOutcome()
CONVERSIONS = {"convert", "convert_to_snapshot"}


class Lifecycle(Store):
    """Images and actions over time. Hold ``lock`` for calls that must run as one unit.

    :param clock: the source of virtual time.
    :param rules: the switches.
    :param seed: for ids and durations; the same seed gives the same account.
    """

    def __init__(self, clock: Clock, rules: Rules | None = None, seed: int = 1) -> None:
        super().__init__(seed)
        self.rules = rules or Rules()
        self.seed = seed
        self.lock = RLock()
        self.timeline = Timeline(clock)
        self.hold_actions = False
        """If True, new actions with a duration end only by ``finish_action``."""
        self.decide_outcome: Callable[[Action], ActionOutcome] = lambda _action: DEFAULT_OUTCOME
        """Called for each new action; returns how it ends."""

    def process_due_events(self) -> float:
        """Run all due events in order of time; return the virtual time."""
        with self.lock:
            return self.timeline.run_due_events()

    def random_for(self, *names: object) -> Random:
        """Return a random generator that depends only on the seed and these names."""
        return Random("/".join(map(str, (self.seed, *names))))  # noqa: S311 - not for secrets

    def add_image(
        self,
        name: str,
        *,
        type: str = "snapshot",  # noqa: A002 - the API's own name
        regions: Iterable[str] = ("nyc3",),
        size_gigabytes: float | None = 2.5,
        droplet_id: int | None = None,
        created_at: float | None = None,
        tags: Iterable[str] = (),
        slug: str | None = None,
    ) -> Image:
        """Add an image without an action.

        A backup expires after the retention of its droplet's plan. A ``base`` image is public.

        :param type: ``snapshot``, ``backup``, ``custom`` or ``base``.
        :param droplet_id: the source droplet.
        :param created_at: Unix seconds; default: now.
        """
        with self.lock:
            now = self.process_due_events()
            droplet = self.droplets.get(droplet_id or 0)
            image = Image(
                id=self.next_id(Image),
                name=name,
                type=type,
                regions=[self.regions[region].slug for region in regions],
                created_at=int(now if created_at is None else created_at),
                size_gigabytes=size_gigabytes,
                min_disk_size=droplet.disk if droplet else 25,
                slug=slug,
                public=type == "base",
                tags=list(tags),
                droplet_id=droplet_id,
                original_name=name,
            )
            self.insert(image)
            if image.type == "backup":
                plan = droplet.backups if droplet else None
                self.schedule_expiry(image, schedule.expiry_time(plan, image.created_at))
            return image

    def schedule_expiry(self, image: Image, moment: int) -> None:
        """Schedule the deletion of a backup, unless it has become a snapshot at that time."""
        image.expires_at = moment

        def expire(now: float) -> None:
            due = image.expires_at is not None and image.expires_at <= now
            if due and image.type == "backup" and image.id in self.images:
                self.remove_image(image, now)

        self.timeline.at(moment, expire)

    def remove_image(self, image: Image, now: float) -> None:
        """Delete an image. Its running actions end as errored (assumed); its history remains."""
        self.discard(image)
        self.deleted_images[image.id] = image
        for action_id in self.action_index.newest_first(("image", image.id)):
            self._finish(self.actions[action_id], ActionOutcome(ERRORED), now)

    def convert_to_snapshot(self, image: Image) -> None:
        """Convert a backup to a snapshot with the same id and without expiry."""
        with self.reindexing(image):
            image.type = "snapshot"
        image.expires_at = None
        if not self.rules.convert_keeps_name:
            image.name = image.original_name

    def add_action(
        self,
        image_id: int,
        *,
        type: str = "transfer",  # noqa: A002 - the API's own name
        region: str | None = None,
        status: str = IN_PROGRESS,
        started_at: float | None = None,
        completed_at: float | None = None,
    ) -> Action:
        """Add an action of another client. It has no effect on the image.

        It does not end by itself; use ``finish_action``.

        :param region: slug of the destination of a transfer.
        :param status: any text, also one that the API does not document.
        :param started_at: Unix seconds; default: now.
        :param completed_at: Unix seconds; default: now, unless ``status`` is ``in-progress``.
        """
        with self.lock:
            now = self.process_due_events()
            if completed_at is None and status in {COMPLETED, ERRORED}:
                completed_at = now
            action = Action(
                id=self.next_id(Action),
                status=status,
                type=type,
                started_at=int(now if started_at is None else started_at),
                completed_at=None if completed_at is None else int(completed_at),
                resource_id=image_id,
                resource_type="image",
                region=region,
            )
            self.insert(action)
            return action

    def begin_action(
        self,
        type: str,  # noqa: A002 - the API's own name
        resource: Image | Droplet,
        *,
        region: str | None = None,
        seconds: float = 0.0,
        snapshot_name: str | None = None,
    ) -> Action:
        """Start an action that ends after ``seconds``, unless ``decide_outcome`` overrides it."""
        now = self.process_due_events()
        action = Action(
            id=self.next_id(Action),
            status=IN_PROGRESS,
            type=type,
            started_at=int(now),
            completed_at=None,
            resource_id=resource.id,
            resource_type="image" if isinstance(resource, Image) else "droplet",
            region=region,
            snapshot_name=snapshot_name,
            not_found_reads=self.rules.not_found_polls,
        )
        self.insert(action)
        outcome = self.decide_outcome(action)
        wait = seconds if outcome.seconds is None else outcome.seconds
        if wait == 0:
            self._finish(action, outcome, now)
        elif wait != math.inf and not self.hold_actions:
            action.due_at = now + wait
            self.timeline.at(action.due_at, lambda moment: self._finish(action, outcome, moment))
        return action

    def finish_action(self, action_id: int, status: str = COMPLETED) -> Action:
        """End a running action now and apply its effect.

        :param status: ``completed`` or ``errored``.
        :raises KeyError: if there is no such action.
        :raises ValueError: if it is not in progress.
        """
        with self.lock:
            now = self.process_due_events()
            action = self.actions[action_id]
            if action.status != IN_PROGRESS:
                raise ValueError(f"action {action_id} is {action.status} already")
            self._finish(action, ActionOutcome(status), now)
            return action

    def _finish(self, action: Action, outcome: ActionOutcome, now: float) -> None:
        if action.status != IN_PROGRESS or action.id not in self.actions:
            return
        if outcome.status == DISAPPEARED:
            self.discard(action)
            if image := self.images.get(action.resource_id):
                self.remove_image(image, now)
            self._unlock_droplet(action)
            return
        action.status = outcome.status
        action.completed_at = int(now)
        if action.resource_type == "droplet":
            self._apply_to_droplet(action)
        elif outcome.status == COMPLETED and action.resource_id in self.images:
            self._apply_to_image(self.images[action.resource_id], action, outcome, now)

    def _apply_to_image(
        self, image: Image, action: Action, outcome: ActionOutcome, now: float
    ) -> None:
        if action.type in CONVERSIONS:
            self.convert_to_snapshot(image)
        if action.type != "transfer" or action.region is None:
            return
        region, lag = action.region, outcome.regions_lag_seconds

        def arrive(_moment: float) -> None:
            if region not in image.regions:
                image.regions.append(region)

        lag = self.rules.regions_lag_seconds if lag is None else lag
        if lag:
            self.timeline.at(now + lag, arrive)
        else:
            arrive(now)

    def _apply_to_droplet(self, action: Action) -> None:
        droplet = self.droplets.get(action.resource_id)
        if droplet is None:
            return
        self._unlock_droplet(action)
        if action.type == "snapshot" and action.status == COMPLETED:
            # Clients identify the snapshot by its time, which is the start of the action.
            self.add_image(
                action.snapshot_name or droplet.name,
                regions=(droplet.region,),
                size_gigabytes=droplet.used_gigabytes,
                droplet_id=droplet.id,
                created_at=action.started_at,
            )

    def _unlock_droplet(self, action: Action) -> None:
        droplet = self.droplets.get(action.resource_id)
        if droplet is not None and droplet.locked_by == action.id:
            droplet.locked_by = None
