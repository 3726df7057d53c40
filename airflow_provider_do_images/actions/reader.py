"""Answer the questions of many waits with few requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from math import inf
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_do_images.actions.questions import Question, settle
from airflow_provider_do_images.actions.sweep import (
    Feed,
    Wanted,
    pages_of_images,
    plan_actions,
    sees_all,
)
from airflow_provider_do_images.actions.wait import Clock
from airflow_provider_do_images.api import (
    AuthenticationError,
    DigitalOceanError,
    InvalidResponseError,
    RateLimitedError,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    from airflow_provider_do_images.api import ApiClient

FEED_PAUSE = 600.0
"""Seconds for which the account's list of actions is left alone after it failed twice running."""

_TOO_MANY_FAILURES = 3
"""Server errors in a row after which a sweep is given up: the API is down, not one image of it."""

_STEP = 1.0
"""Seconds after which a pause in a sweep looks for what cannot wait."""

R = TypeVar("R")


class Reader:
    """What knows, for one token, how to see the most with the fewest requests.

    :param send: sends one request and returns what the client made of the answer.
    :param full_for: returns for how many seconds from now no more should be sent, since the minute
        has had its share.
    :param clock: returns the Unix time.
    """

    def __init__(
        self,
        send: Callable[[Callable[[ApiClient], R]], Awaitable[R]],
        full_for: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._send: Callable[[Callable[[ApiClient], Any]], Awaitable[Any]] = send
        self._full_for = full_for
        self._clock = clock
        self._thrifty = False
        self._pending: Callable[[], Iterable[Question]] = tuple
        self._feed = Feed()
        self._feed_failures = 0
        self._feed_again_at = 0.0
        self._failures = 0
        self._gave_up_at: dict[int | None, float] = {}
        self._images_listed = True
        self._total_images: int | None = None

    async def answer(
        self, due: Sequence[Question], pending: Callable[[], Iterable[Question]], *, thrifty: bool
    ) -> None:
        """Answer the questions that are due, in this order, and others where that is no dearer.

        Reading image by image ends after an interval, or when the minute is full, so that budget
        and deadlines are looked at anew; what is still open then is due again.

        :param pending: returns all open questions, those due among them.
        :param thrifty: the budget is used up: send nothing for others, and at once what is due.
        :raises DigitalOceanError: if going on is of no use (429, 401, no answer, a server that only
            fails); questions may be left open then.
        """
        self._failures, self._thrifty, self._pending = 0, thrifty, pending
        actions = [question for question in due if question.ask.action_id is not None]
        if actions:
            others = [question for question in pending() if question.ask.action_id is not None]
            wanted = actions if thrifty else await self._worth_seeing(actions, others)
            await self._read_actions(wanted, others)
        images = [question for question in pending() if question.ask.action_id is None]
        if images:
            await self._read_images(images)

    async def _worth_seeing(
        self, due: Sequence[Question], everything: Sequence[Question]
    ) -> Sequence[Question]:
        already = set(map(id, due))
        others = [question for question in everything if id(question) not in already]
        if not others:
            return due
        self._feed.begin(_images(everything))
        next_one = min(others, key=lambda question: question.by)
        share_left = (next_one.by - self._clock()) / next_one.interval
        plan = self._plan(due)
        await asyncio.sleep(0)  # a plan for thousands takes a while, as a turn of the loop goes
        whole = self._plan(everything)
        await asyncio.sleep(0)
        return [*due, *others] if sees_all(plan, whole, min(max(share_left, 0.0), 1.0)) else due

    def _plan(self, questions: Iterable[Question]) -> Any:
        feed = self._feed if self._clock() >= self._feed_again_at else None
        return plan_actions((_wanted(question) for question in questions), feed)

    async def _read_actions(
        self, wanted: Sequence[Question], everything: Sequence[Question]
    ) -> None:
        by_id = _grouped(everything, lambda question: question.ask.action_id)
        self._feed.begin(_images(wanted))
        while unseen := [question for question in wanted if question.open]:
            if self._plan(unseen).pages > 0:
                await self._read_feed(by_id)
                continue
            try:
                await self._read_by_image(unseen)
            except (ServerError, TransportError):
                self._feed_again_at = 0.0  # if it failed too, it was not the list's fault
                raise
            return

    async def _read_feed(self, by_id: dict[int | None, list[Question]]) -> None:
        await self._rest()
        try:
            page = await self._send(methodcaller("actions_page", self._feed.pages + 1))
        except DigitalOceanError as error:
            if isinstance(error, RateLimitedError | AuthenticationError):
                raise
            # A token may lack actions:read. To go by image instead may cost a hundred times as
            # much, so the first failure is not taken at its word: a refusal is asked for again at
            # once, a failing server with the next sweep.
            self._feed_failures += 1
            if self._feed_failures > 1:
                self._feed_again_at = self._clock() + FEED_PAUSE
            elif isinstance(error, ServerError | InvalidResponseError | TransportError):
                raise
            return
        self._feed_failures = 0
        self._feed.add_page([action.id for action in page.rows], last=page.last)
        await settle((by_id.get(action.id, []), action) for action in page.rows)

    async def _rest(self) -> None:
        """Wait until the minute has room, and answer meanwhile what cannot wait."""
        while not self._thrifty and (pause := self._full_for()) > 0:
            await asyncio.sleep(min(pause, _STEP))
            urgent = [question for question in self._pending() if question.latest <= self._clock()]
            await self._in_turn(_grouped(urgent, _image_of), self._read_all_of)

    async def _read_by_image(self, wanted: Sequence[Question]) -> None:
        until = self._clock() + min(question.interval for question in wanted)
        by_image = _grouped(wanted, _image_of)
        await self._in_turn(by_image, self._read_all_of, until)

    async def _in_turn(
        self,
        by_image: dict[int | None, list[Question]],
        read: Callable[[list[Question]], Awaitable[None]],
        until: float = inf,
    ) -> None:
        """Read image by image, those last that have ended a sweep: the others must get a turn."""
        for image_id in sorted(by_image, key=lambda image_id: self._gave_up_at.get(image_id, 0.0)):
            try:
                await read(by_image[image_id])
            except DigitalOceanError:
                known = {key: at for key, at in self._gave_up_at.items() if key in by_image}
                self._gave_up_at = {**known, image_id: self._clock()}
                raise
            self._gave_up_at.pop(image_id, None)
            full = until < inf and not self._thrifty and self._full_for() > 0
            if full or self._clock() >= until:
                return

    async def _read_all_of(self, of_image: list[Question]) -> None:
        by_id = _grouped(of_image, lambda question: question.ask.action_id)
        if len(by_id) > 1:
            await self._read_list_of(of_image[0].ask.image_id, by_id)
        for same in by_id.values():
            await self._read_one(same)

    async def _read_list_of(self, image_id: int, by_id: dict[int | None, list[Question]]) -> None:
        try:
            page = await self._send(methodcaller("newest_image_actions", image_id))
        except DigitalOceanError as error:
            if _concerns_all(error):
                raise
            return  # what the list does not give, each action may
        await settle((by_id.get(action.id, []), action) for action in page.rows)

    async def _read_one(self, same: list[Question]) -> None:
        if not any(question.open for question in same):
            return
        try:
            answer = await self._send(same[0].ask.send)
        except DigitalOceanError as error:
            self._failures = self._failures + 1 if isinstance(error, ServerError) else 0
            if _concerns_all(error) or self._failures >= _TOO_MANY_FAILURES:
                error.image_id = error.action_id = None  # it will be told of other images too
                raise
            await settle([(same, error)])
        else:
            self._failures = 0
            await settle([(same, answer)])

    async def _read_images(self, wanted: Sequence[Question]) -> None:
        by_id = _grouped(wanted, _image_of)
        read = 0
        while self._images_listed and pages_of_images(_open(by_id), read, self._total_images):
            try:
                page = await self._send(methodcaller("private_images_page", read + 1))
            except DigitalOceanError as error:
                if isinstance(error, RateLimitedError | AuthenticationError):
                    raise
                self._images_listed = False  # proofs are in a hurry: no second try
                break
            read += 1
            self._total_images = page.total or 0
            await settle((by_id.get(image.id, []), image) for image in page.rows)
        await self._in_turn(by_id, self._read_one)


def _concerns_all(error: DigitalOceanError) -> bool:
    """Whether every other request would fail like this one."""
    return isinstance(error, RateLimitedError | AuthenticationError | TransportError)


def _image_of(question: Question) -> int:
    return question.ask.image_id


def _wanted(question: Question) -> Wanted:
    return Wanted(question.ask.action_id or 0, question.ask.image_id)


def _images(questions: Iterable[Question]) -> int:
    return len(set(map(_image_of, questions)))


def _grouped(
    questions: Iterable[Question], key: Callable[[Question], int | None]
) -> dict[int | None, list[Question]]:
    groups: dict[int | None, list[Question]] = {}
    for question in questions:
        groups.setdefault(key(question), []).append(question)
    return groups


def _open(by_id: dict[int | None, list[Question]]) -> int:
    return sum(any(question.open for question in same) for same in by_id.values())
