"""Nightly runs of the pipeline with faults and kills; the account is checked after each run.

The check reads the simulator's state and has its own, simple implementation of the rules.
"""

from __future__ import annotations

import random as global_random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any, TypeVar

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.snapshots.restore_points import RestorePointSelection
from airflow_provider_do_images.simulator import (
    ActionDisappears,
    ActionStuck,
    ConcurrentAction,
    ManualClock,
    Rules,
    Simulator,
    TokenRevoked,
)
from airflow_provider_do_images.simulator.state.models import BackupPlan, Droplet, Image
from devtools.chaos import READ_TIMEOUT, Chaos, Killed
from devtools.pipeline import (
    DAY,
    HOUR,
    POLICY,
    REGIONS,
    RETENTION,
    TAG,
    Pipeline,
    TaskFailedError,
)

START = 1_790_020_800.0
"""Start of the clock, in Unix seconds."""

TRIES = 100
RETRY_DELAY = 300.0
RARITY = 3.0
CLEAR_CHANCE = 0.25
"""The share of runs that are cleared and run a second time."""

UNRECOVERABLE = (ActionStuck, ActionDisappears, ConcurrentAction, TokenRevoked)
"""Faults after which the guarantees about copies do not hold."""

BACKUPS: tuple[BackupPlan, ...] = ("daily", "daily", "weekly")

T = TypeVar("T")


class NightlyRuns:
    """Nightly runs in an account with three droplets under a policy, and with foreign images.

    :param simulator: is reset; its clock is advanced manually.
    :param seed: determines all faults and kills.
    :param transfers_show_region: whether transfers report their region.
    """

    def __init__(
        self, simulator: Simulator, seed: int, *, transfers_show_region: bool = True
    ) -> None:
        simulator.reset(ManualClock(START))
        global_random.seed(seed)  # the client's jitter
        self.violations: list[str] = []
        self.tries: Counter[str] = Counter()
        self._simulator = simulator
        self._transfers_show_region = transfers_show_region
        self._random = Random(seed)  # noqa: S311 - replayed, not secret
        self.chaos = Chaos(simulator, self._random, rarity=RARITY, without=UNRECOVERABLE)
        self._droplets = [self._add_droplet(number) for number in range(len(BACKUPS))]
        self._ids = {droplet.id for droplet in self._droplets}
        self._foreign = self._add_foreign()
        self._selected: dict[int, set[int]] = {droplet.id: set() for droplet in self._droplets}
        self._expected: dict[int, set[int]] = {droplet.id: set() for droplet in self._droplets}
        self._pipeline = Pipeline(self._new_client, simulator.clock.now, self.chaos.sleep)

    def run(self, number: int = 30) -> Iterator[list[str]]:
        """Run the pipeline every night; yield the violations of each run."""
        for night in range(number):
            self._wait_until(START + night * DAY)
            self._simulator.state.rules = self._draw_rules()
            self._run_night()
            if self._random.random() < CLEAR_CHANCE:
                self._run_night()
            found, self.violations = self.violations, []
            yield [f"night {night}: {violation}" for violation in found]

    def _run_night(self) -> None:
        choice = self._try("find", self._find)
        for row in self._pipeline.rows(choice):
            converted = self._try("convert", partial(self._pipeline.convert, row))
            self._try("replicate", partial(self._pipeline.replicate, converted))
        self._try("prune", self._prune)
        for finding in self._try("audit", self._pipeline.audit):
            if finding.problem:
                self.violations.append(f"audit: {finding}")
        self._check_account()

    def _try(self, name: str, task: Callable[[], T]) -> T:
        """Retry a task until it succeeds, as Airflow or a user who clears it would."""
        for _ in range(TRIES):
            self.tries[name] += 1
            try:
                return task()
            except Killed:
                pass
            except (DigitalOceanError, TaskFailedError) as error:
                problem = error
                self._simulator.clock.advance(RETRY_DELAY)
            finally:
                self.chaos.release()
                self._simulator.faults.clear()
        raise AssertionError(f"{name} never succeeded: {problem}")

    def _find(self) -> RestorePointSelection:
        """List restore points; check that each was the newest before or after the call."""
        before = self._newest()
        choice = self._pipeline.find()
        after = self._newest()
        for point in choice.points:
            id_, image = point.droplet.id, point.image.id
            if image not in (before[id_], after[id_]):
                self.violations.append(f"selected: image {image} is not the newest of {id_}")
            self._selected[id_].add(image)
            self._expected[id_].add(image)
        if missing := self._ids - {point.droplet.id for point in choice.points}:
            self.violations.append(f"selected: no restore point of {missing}: {choice.missing}")
        return choice

    def _newest(self) -> dict[int, int]:
        """Return the newest image of each droplet that is or was a backup."""
        self._simulator.state.process_due_events()
        images = self._simulator.state.images.values()
        return {
            id_: max(
                (i.created_at, i.id)
                for i in images
                if i.droplet_id == id_ and i.id not in self._foreign
            )[1]
            for id_ in self._ids
        }

    def _prune(self) -> None:
        self._pipeline.prune()
        for id_ in self._ids:
            self._expected[id_] = self._retained_by_rules(self._expected[id_])

    def _retained_by_rules(self, ids: set[int]) -> set[int]:
        """Return the snapshots of a droplet that the rules retain."""
        now = self._simulator.clock.now()
        images = sorted(map(self._image, ids), key=lambda i: (i.created_at, i.id), reverse=True)
        kept = {i.id for i in images[:1]}
        kept |= {i.id for i in images if i.created_at > now - RETENTION.min_age}
        periods: tuple[tuple[int, Callable[[datetime], Hashable]], ...] = (
            (RETENTION.keep_daily, datetime.date),
            (RETENTION.keep_weekly, lambda moment: moment.isocalendar()[:2]),
        )
        for number, period in periods:
            newest: dict[Hashable, int] = {}
            for image in images:
                newest.setdefault(period(_utc(image)), image.id)
            kept |= set(list(newest.values())[:number])
        loose = [i.id for i in images if i.id not in kept]
        return kept | set(loose[: max(RETENTION.min_keep - len(kept), 0)])

    # The check

    def _check_account(self) -> None:
        self._simulator.state.process_due_events()
        images = self._simulator.state.images
        for id_, expected in self._expected.items():
            there = {i.id for i in images.values() if self._is_ours(i) and i.droplet_id == id_}
            if lost := expected - there:
                self.violations.append(f"deleted: {lost} of {id_} should exist")
            if extra := there - expected:
                self.violations.append(f"left: {extra} of {id_} should not exist")
            for image in (images[one] for one in expected & there):
                self._check_image(image)
        self._check_converts()
        for id_, was in self._foreign.items():
            now = images.get(id_)
            if now is None or _shown(now) != was:
                self.violations.append(f"foreign: {was} became {now}")

    def _check_image(self, image: Image) -> None:
        expected = f"{POLICY}_{image.droplet_id}_{_utc(image):%Y%m%dT%H%M%SZ}"
        if image.name != expected:
            self.violations.append(f"unclaimed: {image.id} is called {image.name}, not {expected}")
        if missing := set(REGIONS) - set(image.regions):
            self.violations.append(f"copies: {image.id} is not in {missing}")
        kinds = Counter(
            (action.type, action.region)
            for action in self._simulator.state.actions.values()
            if action.resource_id == image.id and action.status != "errored"
        )
        if twice := [kind for kind, number in kinds.items() if number > 1]:
            self.violations.append(f"duplicate: {twice} of {image.id}")

    def _check_converts(self) -> None:
        """Check that only selected backups were converted."""
        state = self._simulator.state
        ever = [*state.images.values(), *state.deleted_images.values()]
        for id_, selected in self._selected.items():
            taken = {i.id for i in ever if self._is_ours(i) and i.droplet_id == id_}
            if taken != selected:
                self.violations.append(
                    f"converted: of {id_} {taken - selected}, not {selected - taken}"
                )

    def _is_ours(self, image: Image) -> bool:
        """Whether it is a snapshot of the droplets that was a backup."""
        ours = image.droplet_id in self._ids and image.id not in self._foreign
        return ours and image.type == "snapshot"

    # The account

    def _image(self, id_: int) -> Image:
        state = self._simulator.state
        return state.images.get(id_) or state.deleted_images[id_]

    def _add_droplet(self, number: int) -> Droplet:
        state = self._simulator.state
        droplet = state.add_droplet(f"db-{number}", tags=[TAG], backups=BACKUPS[number])
        state.add_backup(droplet, START - HOUR)
        return droplet

    def _add_foreign(self) -> dict[int, Any]:
        """Add foreign images; return the expected state of all snapshots that must not change."""
        state, first = self._simulator.state, self._droplets[0].id
        for name in (f"another_{first}_20260101T000000Z", "by-hand", f"{POLICY}_{first}_soon"):
            state.add_image(name, droplet_id=first, created_at=START - 200 * DAY)
        return {i.id: _shown(i) for i in state.images.values() if i.type in ("snapshot", "custom")}

    def _draw_rules(self) -> Rules:
        coin, choice = self._random.random, self._random.choice
        return Rules(
            rename_backup=coin() < 0.5,  # noqa: PLR2004 - a coin
            convert_keeps_name=coin() < 0.5,  # noqa: PLR2004 - a coin
            convert_seconds=choice([0.0, 90.0]),
            regions_lag_seconds=choice([0.0, 30.0]),
            transfers_show_region=self._transfers_show_region,
            region_null_until_completed=coin() < 0.25,  # noqa: PLR2004 - two coins
        )

    def _new_client(self) -> ApiClient:
        client = ApiClient(
            self.chaos.token,
            self._simulator.url,
            read_timeout=READ_TIMEOUT,
            sleep=self.chaos.sleep,
        )
        client._session.mount("http://", self.chaos)  # noqa: SLF001 - faults are injected here
        return client

    def _wait_until(self, moment: float) -> None:
        clock = self._simulator.clock
        clock.advance(max(moment - clock.now(), 0.0))
        self._simulator.state.process_due_events()


def _utc(image: Image) -> datetime:
    return datetime.fromtimestamp(image.created_at, UTC)


def _shown(image: Image) -> tuple[Any, ...]:
    return (image.id, image.name, image.type, *image.regions, *image.tags)
