"""Random failures of a trial: faults at requests, and kills at any point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_do_images.core.wait.evaluate import NOT_FOUND_GRACE
from airflow_provider_do_images.simulator import (
    ActionDisappears,
    ActionErrors,
    ActionStuck,
    ConcurrentAction,
    ConnectionReset,
    ErrorStatus,
    Fault,
    HeldRequest,
    HtmlResponse,
    InvalidJson,
    MissingRows,
    NoResponse,
    NotFoundAfterWrite,
    RateLimited,
    RegionsLag,
    RequestLost,
    ResponseLost,
    Simulator,
    SlowBody,
    TokenRevoked,
    TransientForbidden,
    TruncatedBody,
)

READ_TIMEOUT = 0.15
"""Real seconds that a fault without a response costs."""

PASSES_IN = 30.0
"""Real seconds within which a released request has taken effect."""

FAULT_CHANCE = {"GET": 0.15, "POST": 0.5, "PUT": 0.5, "DELETE": 0.5}
KILL_CHANCE = {"GET": 0.02, "POST": 0.1, "PUT": 0.1, "DELETE": 0.1, "pause": 0.02}


class Killed(BaseException):
    """The process was killed. Like SIGKILL, no error handler catches it."""


class Chaos(HTTPAdapter):
    """An HTTP adapter that injects random faults and kills.

    :param simulator: receives the requests.
    :param random: source of all decisions.
    :param image_id: the image of the trial, if there is only one.
    :param region: target region of the trial; ``None`` for a convert.
    :param rarity: divisor of all probabilities.
    :param without: kinds of faults to leave out.
    """

    def __init__(
        self,
        simulator: Simulator,
        random: Random,
        image_id: int | None = None,
        region: str | None = None,
        *,
        rarity: float = 1.0,
        without: tuple[type[Fault], ...] = (),
    ) -> None:
        super().__init__()
        self.faults: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.token = "a-token"  # noqa: S105 - made up
        self._simulator = simulator
        self._random = random
        self._image_id = image_id
        self._region = region
        self._rarity = rarity
        self._without = without
        self._held: list[HeldRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Send a request; the process may be killed before and after it."""
        method = str(request.method)
        self._maybe_kill("before", method)
        if self._random.random() * self._rarity < FAULT_CHANCE[method]:
            self._break(method, request.path_url)
        response = super().send(request, *args, **kwargs)
        self._maybe_kill("after", method)
        return response

    def sleep(self, seconds: float) -> None:
        """Advance the virtual time; held requests are processed first."""
        self._maybe_kill("in a", "pause")
        self.release()
        self._simulator.clock.advance(seconds)
        self._show_what_is_old()

    def release(self) -> None:
        """Release held requests and wait until they have taken effect."""
        while self._held:
            fault = self._held.pop()
            fault.release()
            if fault.reached.is_set():
                fault.processed.wait(PASSES_IN)

    def _show_what_is_old(self) -> None:
        """End the 404s after a write when the grace period of the wait ends."""
        begun = self._simulator.clock.now() - NOT_FOUND_GRACE
        for action in self._simulator.state.actions.values():
            if action.started_at <= begun:
                action.not_found_reads = 0

    def _maybe_kill(self, when: str, what: str) -> None:
        if self._random.random() * self._rarity < KILL_CHANCE[what]:
            self.kills[f"{when} {what}"] += 1
            raise Killed

    def _break(self, method: str, path: str) -> None:
        kinds = [*ANY_REQUEST, *(ONLY_POST * 2 if method == "POST" else ())]
        if path.partition("?")[0] in {"/v2/droplets", "/v2/images"}:
            kinds += ONLY_LISTS
        fault = self._random.choice(kinds)(self._random)
        if isinstance(fault, self._without):
            return
        if isinstance(fault, TokenRevoked) and fault.replacement:
            fault.replacement = self.token = f"{self.token}x"
        if isinstance(fault, ConcurrentAction) and self._image_id is not None:
            fault.image_id = self._image_id
            fault.region = self._random.choice([self._region or "fra1", "fra1"])
        if isinstance(fault, HeldRequest):
            self._held.append(fault)
        self.faults[type(fault).__name__] += 1
        self._simulator.faults.add(fault)


def _coin(random: Random) -> bool:
    return random.random() < 0.5  # noqa: PLR2004 - a coin


Draw = Callable[[Random], Fault]

# The number of entries of a kind is its weight. Kinds that cost real time have one entry.
ANY_REQUEST: list[Draw] = [
    *[lambda r: ErrorStatus(r.choice([500, 502, 503, 504, 524]), after_processing=_coin(r))] * 4,
    *[lambda r: RateLimited(burst=_coin(r), retry_after=r.randint(1, 20))] * 3,
    *[lambda _: RequestLost()] * 2,
    *[lambda _: ResponseLost()] * 4,
    *[lambda r: ConnectionReset(after_processing=_coin(r))] * 2,
    *[lambda _: HtmlResponse()] * 2,
    *[lambda _: InvalidJson()] * 2,
    *[lambda _: TruncatedBody()] * 2,
    *[lambda _: TransientForbidden()] * 2,
    *[lambda _: ConcurrentAction()] * 2,
    lambda r: NoResponse(after_processing=_coin(r)),
    lambda r: HeldRequest(before_processing=_coin(r)),
    lambda _: SlowBody(seconds=4 * READ_TIMEOUT),
    lambda _: TokenRevoked(replacement="the next"),
    lambda _: TokenRevoked(),
]
ONLY_POST: list[Draw] = [
    *[lambda r: ActionErrors(seconds=r.choice([0.0, 30.0, None]))] * 3,
    lambda _: ActionStuck(),
    lambda _: ActionDisappears(seconds=90.0),
    *[lambda r: RegionsLag(seconds=r.choice([15.0, 60.0, 4000.0]))] * 3,
    *[lambda r: NotFoundAfterWrite(reads=r.randint(1, 3))] * 2,
]
ONLY_LISTS: list[Draw] = [lambda _: MissingRows()] * 4
"""Faults of lists whose rows can be deleted; lists of actions have no gaps."""
