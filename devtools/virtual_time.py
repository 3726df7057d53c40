"""Virtual time: a clock that two processes share, and an event loop on that clock.

Time stops while code runs or a request is in progress, and jumps to the next timer otherwise. So
measurements in virtual time do not depend on the machine or its load. The clock can also run at a
multiple of real time; then the loop really sleeps.
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
"""Virtual seconds from a request to its response (assumed; DigitalOcean documents none)."""

_A_LITTLE = 1e-6
"""Seconds added to each jump: the resolution of Unix seconds as a float."""


class SharedClock:
    """A virtual clock in Unix seconds, shared by all processes that have ``values``.

    :param values: the two shared numbers; by default new ones: the current time, stopped.
    """

    def __init__(self, values: Array[c_double] | None = None) -> None:
        if values is None:
            values = RawArray(c_double, [time.time(), 0.0])
        self.values: Array[c_double] = values

    @property
    def speed(self) -> float:
        """Virtual seconds per real second; 0 if only :meth:`advance` moves the clock."""
        return self.values[1]

    def now(self) -> float:
        """Return the virtual time."""
        return self.values[0] + self.values[1] * time.monotonic()

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.values[0] += seconds

    def run_at(self, speed: float) -> None:
        """Set the speed; 0 stops the clock."""
        now = self.now()
        self.values[0], self.values[1] = now - speed * time.monotonic(), speed

    def real_time(self, moment: float) -> float:
        """Return ``moment``: processes that share the clock have no other time."""
        return moment


def live_on(values: Array[c_double], airflow_home: str) -> None:
    """Replace ``time.time`` in this process. Call this before any module imports it by name."""
    os.environ["AIRFLOW_HOME"] = airflow_home
    global clock  # noqa: PLW0603 - one clock per process
    clock = SharedClock(values)
    time.time = clock.now


clock: SharedClock
"""The clock of a process that uses virtual time."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a virtual clock.

    A call in a thread counts as a request: its result arrives :data:`LATENCY` later.

    :param on: the clock; by default that of this process.
    :ivar stall: the longest turn of the loop without garbage collections, in real seconds and in
        CPU seconds of this thread.
    :ivar collection: the longest garbage collection, in real seconds. It depends on all modules
        that the process has loaded.
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
        """Close the loop and stop measuring."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)
        super().close()

    def time(self) -> float:
        """Return virtual seconds since the start, small numbers for a fine resolution."""
        return self._clock.now() - self._zero

    async def run_in_executor(  # type: ignore[override]  # a coroutine is awaited alike
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run a function in a thread while the clock is stopped."""
        self._under_way += 1
        try:
            return await super().run_in_executor(executor, func, *args)
        finally:
            self._under_way -= 1
            await asyncio.sleep(LATENCY)

    def real_pause(self, timeout: float | None) -> float | None:
        """Return the real seconds to sleep; jump instead if no request is in progress."""
        if timeout and self._clock.speed:
            return timeout / self._clock.speed
        if timeout and self._under_way:
            return None
        if timeout:
            self._clock.advance(timeout + _A_LITTLE)
            return 0
        return timeout

    def begin_turn(self) -> None:
        """Start measuring a turn."""
        self._collected = _NOTHING
        self._turn_began = _now()

    def end_turn(self) -> None:
        """Record the duration of the turn if it is the longest."""
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
    """Selector that sleeps in virtual time."""

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
