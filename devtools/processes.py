"""Start commands, and stop them with all their child processes."""

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
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def interrupt_on_termination() -> None:
    """Treat SIGTERM and SIGHUP like Ctrl-C, so that child processes are stopped.

    SIGINT is set, too: a shell ignores it for background commands.
    """
    for number in HELD_BACK:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay signals until the end of the block."""
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
    """A command in its own session.

    Its processes are found by the session id: Airflow's tasks create their own process groups, and
    orphaned processes lose their parent, but both keep the session.
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
        """The exit code, or ``None`` while the command runs."""
        return self._process.poll()

    def wait(self, timeout: float) -> int:
        """Wait up to ``timeout`` seconds for the command to end; return its exit code."""
        return self._process.wait(timeout)

    def members(self) -> list[int]:
        """Return the ids of all running processes of the session."""
        self._process.poll()  # otherwise a finished leader is still listed
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
    """Stop the components: SIGTERM, then SIGKILL after ``grace`` seconds.

    :raises RuntimeError: if a process is still running.
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
    raise RuntimeError(f"processes that cannot be stopped: {left}")


def _is_zombie(pid: int) -> bool:
    """Return whether the process is a zombie."""
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
