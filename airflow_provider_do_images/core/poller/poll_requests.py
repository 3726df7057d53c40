"""What waits ask their watch, and how they get their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.core.wait.flow import ReadRequest, ReadResult

_AT_ONCE = 100
"""Answers handed out before the event loop gets its turn; each wakes a coroutine."""


class IntervalChange(str):
    """What a watch wants written in the log of a wait, instead of an answer to its question."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class PollRequest:
    """What a wait asks a watch.

    :param by: when the answer is due, in Unix seconds; it may come earlier.
    :param latest: when it has to be answered even though the budget is used up: at the deadline of
        the wait by a last poll; for an image, an hour after it was asked for, by an error.
    :param interval: seconds between two questions of this wait.
    :param reply: where the answer goes.
    """

    ask: ReadRequest
    by: float
    latest: float
    interval: float
    reply: asyncio.Future[Any] = field(default_factory=asyncio.Future)

    @property
    def is_verification(self) -> bool:
        """Whether it asks for the image of a completed action."""
        return self.ask.action_id is None

    @property
    def open(self) -> bool:
        """Whether it still waits for its answer."""
        return not self.reply.done()


async def deliver(
    answers: Iterable[
        tuple[Iterable[PollRequest], ReadResult | DigitalOceanError | IntervalChange]
    ],
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


def image_of(question: PollRequest) -> int:
    """Return the id of the image that the question is about."""
    return question.ask.image_id


def grouped(
    questions: Iterable[PollRequest], key: Callable[[PollRequest], int | None]
) -> dict[int | None, list[PollRequest]]:
    """Return the questions by a key, in their order."""
    groups: dict[int | None, list[PollRequest]] = {}
    for question in questions:
        groups.setdefault(key(question), []).append(question)
    return groups


def count_open(by_id: dict[int | None, list[PollRequest]]) -> int:
    """Return how many groups have a question that is not answered yet."""
    return sum(any(question.open for question in same) for same in by_id.values())
