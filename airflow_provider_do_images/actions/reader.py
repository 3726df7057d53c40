"""Answer the questions of many waits with few requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_do_images.actions.plan import (
    Feed,
    Wanted,
    pages_of_images,
    plan_actions,
    sees_all,
)
from airflow_provider_do_images.actions.wait import Answer, Ask, Clock
from airflow_provider_do_images.api import (
    AuthenticationError,
    DigitalOceanError,
    InvalidResponseError,
    PermissionDeniedError,
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

_AT_ONCE = 100
"""Answers handed out before the event loop gets its turn; each wakes a coroutine."""

R = TypeVar("R")


class Notice(str):
    """What a watch wants written in the log of a wait, instead of an answer to its question."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Question:
    """What a wait asks a watch.

    :param by: when the answer is due, in Unix seconds; it may come earlier.
    :param interval: seconds between two questions of this wait.
    :param urgent: whether it must be answered even when the budget is used up: the last look before
        a deadline, and a proof, whose time is short.
    :param reply: where the answer goes.
    """

    ask: Ask
    by: float
    interval: float
    urgent: bool
    reply: asyncio.Future[Any] = field(default_factory=asyncio.Future)

    @property
    def open(self) -> bool:
        """Whether it still waits for its answer."""
        return not self.reply.done()


class Reader:
    """What knows, for one token, how to see the most with the fewest requests.

    :param send: sends one request and returns what the client made of the answer.
    :param clock: returns the Unix time.
    """

    def __init__(
        self, send: Callable[[Callable[[ApiClient], R]], Awaitable[R]], clock: Clock
    ) -> None:
        self._send: Callable[[Callable[[ApiClient], Any]], Awaitable[Any]] = send
        self._clock = clock
        self._feed = Feed()
        self._feed_failures = 0
        self._feed_again_at = 0.0
        self._failures = 0
        self._total_images: int | None = None

    async def answer(
        self, due: Sequence[Question], pending: Callable[[], Iterable[Question]]
    ) -> None:
        """Answer all questions that are due, and others where that is no dearer.

        :param pending: returns all open questions, those due among them.
        :raises DigitalOceanError: if going on is of no use (429, 401, no answer, a server that only
            fails); questions may be left open then.
        """
        self._failures = 0
        actions = [question for question in due if question.ask.action_id is not None]
        if actions:
            others = [question for question in pending() if question.ask.action_id is not None]
            await self._read_actions(await self._worth_seeing(actions, others), others)
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
        self._feed.begin()
        next_one = min(others, key=lambda question: question.by)
        share_left = (next_one.by - self._clock()) / next_one.interval
        plan = self._plan(due)
        await asyncio.sleep(0)  # a plan for thousands takes a while, as a turn of the loop goes
        whole = self._plan(everything)
        await asyncio.sleep(0)
        return everything if sees_all(plan, whole, min(max(share_left, 0.0), 1.0)) else due

    def _plan(self, questions: Iterable[Question]) -> Any:
        feed = self._feed if self._clock() >= self._feed_again_at else None
        return plan_actions((_wanted(question) for question in questions), feed)

    async def _read_actions(
        self, wanted: Sequence[Question], everything: Sequence[Question]
    ) -> None:
        by_id = _grouped(everything, lambda question: question.ask.action_id)
        self._feed.begin()
        while unseen := [question for question in wanted if question.open]:
            if self._plan(unseen).pages == 0:
                await self._read_by_image(unseen)
            else:
                await self._read_feed(by_id)

    async def _read_feed(self, by_id: dict[int | None, list[Question]]) -> None:
        try:
            page = await self._send(methodcaller("actions_page", self._feed.pages + 1))
        except (PermissionDeniedError, ServerError, InvalidResponseError) as error:
            # A token may lack actions:read. To go by image instead may cost a hundred times as
            # much, so the first failure is not taken at its word: a refusal is asked for again at
            # once, anything else with the next sweep.
            self._feed_failures += 1
            if self._feed_failures > 1:
                self._feed_again_at = self._clock() + FEED_PAUSE
            elif not isinstance(error, PermissionDeniedError):
                raise
            return
        self._feed_failures = 0
        self._feed.add_page([action.id for action in page.rows], last=page.last)
        await settle((by_id.get(action.id, []), action) for action in page.rows)

    async def _read_by_image(self, wanted: Sequence[Question]) -> None:
        for image_id, of_image in _grouped(wanted, lambda question: question.ask.image_id).items():
            by_id = _grouped(of_image, lambda question: question.ask.action_id)
            if len(by_id) > 1 and image_id is not None:
                await self._read_list_of(image_id, by_id)
            for same in by_id.values():
                if any(question.open for question in same):
                    await self._read_one(same)

    async def _read_list_of(self, image_id: int, by_id: dict[int | None, list[Question]]) -> None:
        try:
            page = await self._send(methodcaller("newest_image_actions", image_id))
        except DigitalOceanError as error:
            await self._fail([question for same in by_id.values() for question in same], error)
        else:
            await settle((by_id.get(action.id, []), action) for action in page.rows)

    async def _read_one(self, same: list[Question]) -> None:
        try:
            answer = await self._send(same[0].ask.send)
        except DigitalOceanError as error:
            await self._fail(same, error)
        else:
            self._failures = 0
            await settle([(same, answer)])

    async def _read_images(self, wanted: Sequence[Question]) -> None:
        by_id = _grouped(wanted, lambda question: question.ask.image_id)
        read = 0
        while pages_of_images(_open(by_id), read, self._total_images):
            try:
                page = await self._send(methodcaller("private_images_page", read + 1))
            except (PermissionDeniedError, ServerError, InvalidResponseError):
                break
            read += 1
            self._total_images = page.total or 0
            await settle((by_id.get(image.id, []), image) for image in page.rows)
        for same in by_id.values():
            if any(question.open for question in same):
                await self._read_one(same)

    async def _fail(self, questions: list[Question], error: DigitalOceanError) -> None:
        """Give an error to the waits that it concerns, or to the sweep if it concerns all."""
        if isinstance(error, RateLimitedError | AuthenticationError | TransportError):
            raise error
        self._failures = self._failures + 1 if isinstance(error, ServerError) else 0
        if self._failures >= _TOO_MANY_FAILURES:
            raise error
        await settle([(questions, error)])


async def settle(
    answers: Iterable[tuple[Iterable[Question], Answer | DigitalOceanError | Notice]],
) -> None:
    """Hand answers out, a few at a time, so that the event loop is never blocked for long."""
    handed_out = 0
    for questions, answer in answers:
        for question in questions:
            if question.open:
                question.reply.set_result(answer)
                handed_out += 1
                if handed_out % _AT_ONCE == 0:
                    await asyncio.sleep(0)
    await asyncio.sleep(0)  # who was answered asks its next question, which the same sweep may take


def _wanted(question: Question) -> Wanted:
    return Wanted(question.ask.action_id or 0, question.ask.image_id)


def _grouped(
    questions: Iterable[Question], key: Callable[[Question], int | None]
) -> dict[int | None, list[Question]]:
    groups: dict[int | None, list[Question]] = {}
    for question in questions:
        groups.setdefault(key(question), []).append(question)
    return groups


def _open(by_id: dict[int | None, list[Question]]) -> int:
    return sum(any(question.open for question in same) for same in by_id.values())
