"""The HTTP server of a simulator: ``with Simulator() as sim: ...``."""

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
from airflow_provider_do_images.simulator.faults.base import Fault
from airflow_provider_do_images.simulator.rules.rules import Rules

START_SECONDS = 10.0
STOP_SECONDS = 5.0


class Simulator(Backend):
    """A simulated DigitalOcean API that serves ``url`` inside a ``with`` block.

    :param port: 0: a free port, chosen at each start.
    :param host: the address to listen on.
    :param speed: virtual seconds per real second; at 60 an hour takes 1 min.
    :param clock: a clock instead of ``speed``, such as ``ManualClock()``.
    :param seed: for ids, durations and the probabilities of faults.
    :param rules: switches for rules of the API that are not confirmed.
    :param faults: faults to inject from the start; ``faults.add`` adds more.
    :param control: serve the control interface under ``/_control``.
    :raises OSError: at the start, if the port is not available.
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
        super().__init__(clock or ScaledClock(speed), rules or Rules(), seed, faults)
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None
        self.control_key = secrets.token_urlsafe(24) if control else None
        """The value of ``X-Control-Key`` for the control interface; None: it is disabled."""
        self.url = ""
        """The base URL, such as ``http://127.0.0.1:40123``; empty before the start."""

    def listen(self) -> socket.socket:
        """Bind the port, set ``url`` and return the socket."""
        host, port = self._address
        family, shown = socket.AF_INET, host
        if ":" in host:
            family, shown = socket.AF_INET6, f"[{host}]"
        listener = socket.create_server((host, port), family=family, backlog=512)
        self.url = f"http://{shown}:{listener.getsockname()[1]}"
        return listener

    def run(self, listener: socket.socket) -> None:
        """Serve requests on a socket from ``listen`` until Ctrl-C or ``stop``."""
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
        routes: list[BaseRoute] = [Route("/{path:path}", ApiApp(self))]
        if self.control_key is not None:
            routes.insert(0, control_routes(self, self.control_key))
        app = Starlette(routes=routes)
        app.state.connections = lambda: set(
            self._server.server_state.connections if self._server else ()
        )
        return app

    def start(self) -> None:
        """Serve requests in a thread, as ``with`` does."""
        listener = self.listen()
        self._thread = Thread(target=self.run, args=(listener,), name="simulator", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while self._server is None or not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the simulator did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop the server and close all connections. The account and the journal remain."""
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
