"""Nights of the pipeline under faults and kills; after each the account is judged.

What is judged is the simulator's state, by rules that are written here a second time, plainly.
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
"""Where the clock starts."""

TRIES = 100
RETRY_DELAY = 300.0
RARITY = 3.0
CLEARED = 0.25
"""The share of nights that are run a second time."""

BEYOND_A_RETRY = (ActionStuck, ActionDisappears, ConcurrentAction, TokenRevoked)
"""Faults after which nobody can promise the copies of this night, or no others."""

BACKUPS: tuple[BackupPlan, ...] = ("daily", "daily", "weekly")

T = TypeVar("T")


class Nights:
    """An account of three droplets whose backups are kept by a policy, and of other things.

    :param simulator: reset, and moved by hand.
    :param seed: decides what goes wrong.
    :param tells_region: whether transfers tell their region.
    """

    def __init__(self, simulator: Simulator, seed: int, *, tells_region: bool = True) -> None:
        simulator.reset(ManualClock(START))
        global_random.seed(seed)  # the client's jitter
        self.violations: list[str] = []
        self.tries: Counter[str] = Counter()
        self._simulator = simulator
        self._tells_region = tells_region
        self._random = Random(seed)  # noqa: S311 - replayed, not secret
        self.chaos = Chaos(simulator, self._random, rarity=RARITY, without=BEYOND_A_RETRY)
        self._droplets = [self._add_droplet(number) for number in range(len(BACKUPS))]
        self._ids = {droplet.id for droplet in self._droplets}
        self._foreign = self._add_foreign()
        self._chosen: dict[int, set[int]] = {droplet.id: set() for droplet in self._droplets}
        self._promised: dict[int, set[int]] = {droplet.id: set() for droplet in self._droplets}
        self._pipeline = Pipeline(self._new_client, simulator.clock.now, self.chaos.sleep)

    def run(self, number: int = 30) -> Iterator[list[str]]:
        """Run nights; yield what was broken in each."""
        for night in range(number):
            self._wait_until(START + night * DAY)
            self._simulator.state.rules = self._draw_rules()
            self._run_night()
            if self._random.random() < CLEARED:
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
        self._judge()

    def _try(self, name: str, task: Callable[[], T]) -> T:
        """Try a task again until it succeeds, as Airflow would, or somebody who clears it."""
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
        """Find, and see that it is the newest: of the moment before it, or of the one after."""
        before = self._newest()
        choice = self._pipeline.find()
        after = self._newest()
        for point in choice.points:
            id_, image = point.droplet.id, point.image.id
            if image not in (before[id_], after[id_]):
                self.violations.append(f"chosen: image {image} is not the newest of {id_}")
            self._chosen[id_].add(image)
            self._promised[id_].add(image)
        if missing := self._ids - {point.droplet.id for point in choice.points}:
            self.violations.append(f"chosen: nothing of {missing}: {choice.missing}")
        return choice

    def _newest(self) -> dict[int, int]:
        """Return the newest image of each droplet that is, or was, a backup."""
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
            self._promised[id_] = self._kept_by_the_rules(self._promised[id_])

    def _kept_by_the_rules(self, ids: set[int]) -> set[int]:
        """Return which of a droplet's snapshots are to be kept."""
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

    # The judgement

    def _judge(self) -> None:
        self._simulator.state.process_due_events()
        images = self._simulator.state.images
        for id_, promised in self._promised.items():
            there = {i.id for i in images.values() if self._is_ours(i) and i.droplet_id == id_}
            if lost := promised - there:
                self.violations.append(f"deleted: {lost} of {id_} should be there")
            if extra := there - promised:
                self.violations.append(f"left: {extra} of {id_} should not be there")
            for image in (images[one] for one in promised & there):
                self._judge_image(image)
        self._judge_converts()
        for id_, was in self._foreign.items():
            now = images.get(id_)
            if now is None or _shown(now) != was:
                self.violations.append(f"foreign: {was} became {now}")

    def _judge_image(self, image: Image) -> None:
        wanted = f"{POLICY}_{image.droplet_id}_{_utc(image):%Y%m%dT%H%M%SZ}"
        if image.name != wanted:
            self.violations.append(f"unclaimed: {image.id} is called {image.name}, not {wanted}")
        if missing := set(REGIONS) - set(image.regions):
            self.violations.append(f"copies: {image.id} is not in {missing}")
        kinds = Counter(
            (action.type, action.region)
            for action in self._simulator.state.actions.values()
            if action.resource_id == image.id and action.status != "errored"
        )
        if twice := [kind for kind, number in kinds.items() if number > 1]:
            self.violations.append(f"duplicate: {twice} of {image.id}")

    def _judge_converts(self) -> None:
        """No backup was taken but those that were chosen."""
        state = self._simulator.state
        ever = [*state.images.values(), *state.deleted_images.values()]
        for id_, chosen in self._chosen.items():
            taken = {i.id for i in ever if self._is_ours(i) and i.droplet_id == id_}
            if taken != chosen:
                self.violations.append(f"eaten: of {id_} {taken - chosen}, not {chosen - taken}")

    def _is_ours(self, image: Image) -> bool:
        """Whether it is a snapshot of our droplets that was a backup once."""
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
        """Add what nobody may touch; return how all the snapshots look."""
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
            transfers_show_region=self._tells_region,
            region_null_until_completed=coin() < 0.25,  # noqa: PLR2004 - two coins
        )

    def _new_client(self) -> ApiClient:
        client = ApiClient(
            self.chaos.token,
            self._simulator.url,
            read_timeout=READ_TIMEOUT,
            sleep=self.chaos.sleep,
        )
        client._session.mount("http://", self.chaos)  # noqa: SLF001 - where the network begins
        return client

    def _wait_until(self, moment: float) -> None:
        clock = self._simulator.clock
        clock.advance(max(moment - clock.now(), 0.0))
        self._simulator.state.process_due_events()


def _utc(image: Image) -> datetime:
    return datetime.fromtimestamp(image.created_at, UTC)


def _shown(image: Image) -> tuple[Any, ...]:
    return (image.id, image.name, image.type, *image.regions, *image.tags)
