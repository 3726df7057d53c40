"""Start commands so that they can be ended with everything they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def interrupt_on_termination() -> None:
    """Let SIGTERM and SIGHUP unwind the program like Ctrl-C, so that what it started is ended.

    Ctrl-C too, since whoever starts this in the background may have it ignored.
    """
    for number in HELD_BACK:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals back until the block is over, so that it is done either wholly or not at all."""
    held: list[int] = []
    with ExitStack() as restore:
        if threading.current_thread() is threading.main_thread():
            for number in HELD_BACK:
                before = signal.signal(number, lambda number, _frame: held.append(number))
                restore.callback(signal.signal, number, before)
        yield
    if held:
        signal.raise_signal(held[0])


class Component:
    """A command in a session of its own.

    The session, not the process group, tells what belongs to it: Airflow's tasks make process
    groups of their own, and a killed parent's children are nobody's children; the session stays.
    """

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        with uninterrupted(), log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while the command runs."""
        return self._process.poll()

    def wait(self, timeout: float) -> int:
        """Wait for the end of the command, at most ``timeout`` seconds; return its exit code."""
        return self._process.wait(timeout)

    def members(self) -> list[int]:
        """Return the ids of all running processes of the session."""
        self._process.poll()  # a finished leader that nobody asked about would still be listed
        found = []
        for pid in psutil.pids():
            with suppress(OSError, psutil.Error):
                if os.getsid(pid) == self._process.pid and not _is_zombie(pid):
                    found.append(pid)
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the session."""
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def end(components: Sequence[Component], grace: float) -> None:
    """End the components: SIGTERM first, SIGKILL for what is left after ``grace`` seconds.

    :raises RuntimeError: if a process survives even that.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        for component in components:
            component.signal(number)
        give_up = time.monotonic() + patience
        while any(component.members() for component in components):
            if time.monotonic() > give_up:
                break
            time.sleep(0.1)
        else:
            return
    left = {component.name: pids for component in components if (pids := component.members())}
    raise RuntimeError(f"processes that cannot be ended: {left}")


def _is_zombie(pid: int) -> bool:
    """Tell whether the process is dead and only waits to be collected."""
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
