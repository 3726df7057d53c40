"""Hours in seconds: a clock for two processes, and an event loop that lives on it.

Time stands still while anything is computed or under way, and jumps to the next timer when nothing
is. So what is measured in virtual time depends neither on this machine nor on its load. The same
clock can run too, some times as fast as real time; then the loop really sleeps.
"""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from ctypes import Array, c_double
from multiprocessing.sharedctypes import RawArray
from typing import Any

LATENCY = 0.25
"""Virtual seconds from a request to its answer (assumed; DigitalOcean promises none)."""

_A_LITTLE = 1e-6
"""Seconds by which a jump goes further, since a float of Unix seconds is no finer."""


class SharedClock:
    """Virtual Unix seconds, the same in all processes that have ``values``.

    :param values: the two numbers to share; by default new ones, with the time now, at rest.
    """

    def __init__(self, values: Array[c_double] | None = None) -> None:
        if values is None:
            values = RawArray(c_double, [time.time(), 0.0])
        self.values: Array[c_double] = values

    @property
    def speed(self) -> float:
        """Virtual seconds in a real one; 0 while it moves by :meth:`advance` alone."""
        return self.values[1]

    def now(self) -> float:
        """Return the virtual time."""
        return self.values[0] + self.values[1] * time.monotonic()

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        self.values[0] += seconds

    def run_at(self, speed: float) -> None:
        """Run from now on at this speed; 0 to stand still."""
        now = self.now()
        self.values[0], self.values[1] = now - speed * time.monotonic(), speed

    def real_time(self, moment: float) -> float:
        """Return ``moment``: whoever shares the clock has no other time."""
        return moment


def live_on(values: Array[c_double], airflow_home: str) -> None:
    """Let this process know no other time. Call it before anything takes hold of ``time.time``."""
    os.environ["AIRFLOW_HOME"] = airflow_home
    global clock  # noqa: PLW0603 - there is one time in a process
    clock = SharedClock(values)
    time.time = clock.now


clock: SharedClock
"""The clock of a process that lives on virtual time."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a virtual clock.

    What runs in a thread is taken for a request: its answer arrives :data:`LATENCY` later.

    :param on: the clock; by default that of this process.
    :ivar stall: the longest time between two looks at what is ready, without garbage collections:
        in real seconds, and in seconds of this thread on a processor.
    :ivar collection: the longest garbage collection, in real seconds. How long it takes depends on
        all that the process has loaded.
    """

    def __init__(self, on: SharedClock | None = None) -> None:
        self._clock = clock if on is None else on
        self.stall = (0.0, 0.0)
        self.collection = 0.0
        self._under_way = 0
        self._collected = _NOTHING
        self._collection_began = self._turn_began = _now()
        self._zero = self._clock.now()
        self._thread = threading.get_ident()
        super().__init__(_Selector(self))
        gc.callbacks.append(self._on_collection)

    def close(self) -> None:
        """End the measuring too."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)
        super().close()

    def time(self) -> float:
        """Return virtual seconds since the start: a loop tells nanoseconds apart."""
        return self._clock.now() - self._zero

    async def run_in_executor(  # type: ignore[override]  # a coroutine is awaited alike
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run a function in a thread, while time stands still."""
        self._under_way += 1
        try:
            return await super().run_in_executor(executor, func, *args)
        finally:
            self._under_way -= 1
            await asyncio.sleep(LATENCY)

    def real_pause(self, timeout: float | None) -> float | None:
        """Return for how many real seconds to sleep; jump instead, if nothing is under way."""
        if timeout and self._clock.speed:
            return timeout / self._clock.speed
        if timeout and self._under_way:
            return None
        if timeout:
            self._clock.advance(timeout + _A_LITTLE)
            return 0
        return timeout

    def begin_turn(self) -> None:
        """Take the time."""
        self._collected = _NOTHING
        self._turn_began = _now()

    def end_turn(self) -> None:
        """Keep the time if it was long."""
        lasted = _minus(_minus(_now(), self._turn_began), self._collected)
        self.stall = max(self.stall[0], lasted[0]), max(self.stall[1], lasted[1])

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = _now()
            return
        real, on_processor = _minus(_now(), self._collection_began)
        self.collection = max(self.collection, real)
        here = threading.get_ident() == self._thread
        collected = self._collected
        self._collected = collected[0] + real, collected[1] + (on_processor if here else 0.0)


class _Selector(selectors.DefaultSelector):
    """Where an event loop sleeps between two turns."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Wait for events, at most ``timeout`` virtual seconds."""
        self._loop.end_turn()
        events = super().select(self._loop.real_pause(timeout))
        self._loop.begin_turn()
        return events


_NOTHING = (0.0, 0.0)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def _minus(left: tuple[float, float], right: tuple[float, float]) -> tuple[float, float]:
    return left[0] - right[0], left[1] - right[1]
