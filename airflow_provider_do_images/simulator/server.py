"""The simulator as something that is started and stopped: ``with Simulator() as sim: ...``."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterable
from threading import Thread
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from airflow_provider_do_images.simulator.app import ApiApp
from airflow_provider_do_images.simulator.backend import Backend
from airflow_provider_do_images.simulator.clock import Clock, ScaledClock
from airflow_provider_do_images.simulator.control import control_routes
from airflow_provider_do_images.simulator.faults import Fault, FaultList
from airflow_provider_do_images.simulator.http.tokens import Tokens
from airflow_provider_do_images.simulator.journal import Journal
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.state.account_state import AccountState

START_SECONDS = 10.0
STOP_SECONDS = 5.0


class Simulator:
    """A simulated DigitalOcean that answers on ``url`` inside a ``with`` block.

    :param port: 0 picks a free one, anew at each start.
    :param host: the address to listen on.
    :param speed: virtual seconds for each real second; at 60 an hour takes a minute.
    :param clock: a clock of your own, such as ``ManualClock()``, instead of ``speed``.
    :param seed: decides ids, durations and the chances of faults.
    :param rules: switches for what is not known about the real API.
    :param faults: what goes wrong from the start; more with ``faults.add``.
    :param control: offer the control interface too, under ``/_control``, for ``control_key``.
    :raises OSError: on entering, if the port can not be had.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        speed: float = 60.0,
        clock: Clock | None = None,
        seed: int = 1,
        rules: Rules | None = None,
        faults: Iterable[Fault] = (),
        control: bool = False,
    ) -> None:
        self._address = (host, port)
        self._backend = Backend(clock or ScaledClock(speed), rules or Rules(), seed, faults)
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None
        self.control_key = secrets.token_urlsafe(24) if control else None
        """What opens the control interface, as the header ``X-Control-Key``; None: it is off."""
        self.url = ""
        """Where it listens, such as ``http://127.0.0.1:40123``; empty before the start."""

    @property
    def clock(self) -> Clock:
        """The clock that everything runs on."""
        return self._backend.clock

    @property
    def state(self) -> AccountState:
        """The account, to be read and changed."""
        return self._backend.state

    @property
    def faults(self) -> FaultList:
        """What goes wrong."""
        return self._backend.faults

    @property
    def journal(self) -> Journal:
        """What was asked."""
        return self._backend.journal

    @property
    def tokens(self) -> Tokens:
        """Which tokens are valid. As long as none is named, any is."""
        return self._backend.tokens

    def reset(self, clock: Clock | None = None) -> None:
        """Begin anew with the default account, no faults and an empty journal.

        :param clock: a clock to go on with; None: the present one goes on.
        """
        self._backend.reset(clock)

    def listen(self) -> socket.socket:
        """Bind the port, set ``url``, and return the socket."""
        host, port = self._address
        family, shown = socket.AF_INET, host
        if ":" in host:
            family, shown = socket.AF_INET6, f"[{host}]"
        listener = socket.create_server((host, port), family=family, backlog=512)
        self.url = f"http://{shown}:{listener.getsockname()[1]}"
        return listener

    def run(self, listener: socket.socket) -> None:
        """Answer on a socket from ``listen`` until Ctrl-C, or until ``stop``."""
        config = uvicorn.Config(
            self._app(),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._server.run(sockets=[listener])

    def _app(self) -> Starlette:
        routes: list[BaseRoute] = [Route("/{path:path}", ApiApp(self._backend))]
        if self.control_key is not None:
            routes.insert(0, control_routes(self._backend, self.control_key))
        app = Starlette(routes=routes)
        app.state.connections = lambda: set(
            self._server.server_state.connections if self._server else ()
        )
        return app

    def start(self) -> None:
        """Answer from a thread of its own, as ``with`` does."""
        listener = self.listen()
        self._thread = Thread(target=self.run, args=(listener,), name="simulator", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while self._server is None or not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the simulator did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop answering, and drop all connections. The account and the journal stay."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(STOP_SECONDS)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
