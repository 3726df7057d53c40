"""What waits ask their watch, and how they get their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_do_images.actions.wait import Answer, Ask
from airflow_provider_do_images.api import DigitalOceanError

_AT_ONCE = 100
"""Answers handed out before the event loop gets its turn; each wakes a coroutine."""


class Notice(str):
    """What a watch wants written in the log of a wait, instead of an answer to its question."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Question:
    """What a wait asks a watch.

    :param by: when the answer is due, in Unix seconds; it may come earlier.
    :param latest: when it is due even though the budget is used up: the deadline of the wait; for a
        proof, whose time is short, soon after ``by``.
    :param interval: seconds between two questions of this wait.
    :param reply: where the answer goes.
    """

    ask: Ask
    by: float
    latest: float
    interval: float
    reply: asyncio.Future[Any] = field(default_factory=asyncio.Future)

    @property
    def open(self) -> bool:
        """Whether it still waits for its answer."""
        return not self.reply.done()


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
