"""Serve the read requests of many waits with few API requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from math import ceil
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import (
    AuthenticationError,
    DigitalOceanError,
    Image,
    InvalidResponseError,
    NotSentError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from airflow_provider_do_images.api.http.rate_limit import MINUTE
from airflow_provider_do_images.api.validation import PAGE_SIZE
from airflow_provider_do_images.core.poller.poll_requests import (
    PollRequest,
    count_open,
    deliver,
    grouped,
    image_of,
)
from airflow_provider_do_images.core.poller.read_plan import (
    AccountActionsCursor,
    ActionRef,
    image_pages_to_read,
    plan_actions,
    should_read_all,
)
from airflow_provider_do_images.core.poller.request_pacer import RequestPacer
from airflow_provider_do_images.core.wait.flow import Clock, ReadRequest

if TYPE_CHECKING:
    from airflow_provider_do_images.api import ApiClient

FEED_PAUSE = 600.0
"""Seconds for which the account's list of actions is left alone after it failed twice running."""

_TOO_MANY_FAILURES = 3
"""Server errors in a row after which a poll cycle ends: the API is down, not one image of it."""

_STEP = 1.0
"""Seconds after which a pause in a poll cycle checks for requests that cannot wait."""

_VERIFICATIONS_PER_PASS = 3
"""How often images are verified during one long pass through the account's actions."""

Send = Callable[..., Awaitable[Any]]
_Pending = Callable[[], Iterable[PollRequest]]
_Groups = dict[int | None, list[PollRequest]]


class BatchReader:
    """What knows, for one token, how to see the most with the fewest requests.

    :param send: sends one request and returns its result.
    :param pacer: says when a request may be sent.
    :param clock: returns the Unix time.
    """

    def __init__(self, send: Send, pacer: RequestPacer, clock: Clock) -> None:
        self._send_now = send
        self._pacer = pacer
        self._clock = clock
        self._thrifty = False
        self._pending: _Pending = tuple
        self._feed = AccountActionsCursor()
        self._feed_failures = 0
        self._feed_again_at = 0.0
        self._failures = 0
        self._failed_at: dict[int | None, float] = {}
        self._images_listed = True
        self._total_images: int | None = None
        self._known_images: dict[int, Image] = {}

    def known_image(self, read: ReadRequest) -> Image | None:
        """Return an image that was read already and is accepted by the request, if there is one."""
        image = self._known_images.get(read.image_id) if read.accepts else None
        return image if image and read.accepts and read.accepts(image) else None

    async def serve(self, due: Sequence[PollRequest], pending: _Pending, *, thrifty: bool) -> None:
        """Serve the requests that are due, in this order, and others at no extra cost.

        It returns after one batch, so that the budget and the deadlines are checked again; requests
        without a response are due again.

        :param pending: returns all open requests, including those that are due.
        :param thrifty: the budget is used up: only last polls are due, and only they are sent.
        :raises DigitalOceanError: if further requests are useless (429, 401, no response, a server
            that only fails); requests may stay open then.
        """
        self._failures, self._thrifty, self._pending = 0, thrifty, pending
        actions = [request for request in due if request.read.action_id is not None]
        if actions:
            others = [request for request in pending() if request.read.action_id is not None]
            wanted = actions if thrifty else await self._select_batch(actions, others)
            await self._read_actions(wanted, others)
        if not thrifty:
            await self._read_images()

    async def _select_batch(
        self, due: Sequence[PollRequest], everything: Sequence[PollRequest]
    ) -> Sequence[PollRequest]:
        already = set(map(id, due))
        others = [request for request in everything if id(request) not in already]
        if not others:
            return due
        self._feed.begin(_images(everything))
        next_one = min(others, key=lambda request: request.by)
        share_left = min(max((next_one.by - self._clock()) / next_one.interval, 0.0), 1.0)
        plan = self._plan(due)
        await asyncio.sleep(0)  # a plan for thousands takes a while, as a turn of the loop goes
        whole = self._plan(everything)
        await asyncio.sleep(0)
        return [*due, *others] if should_read_all(plan, whole, share_left) else due

    def _plan(self, requests: Iterable[PollRequest]) -> Any:
        feed = self._feed if self._clock() >= self._feed_again_at else None
        reads = (request.read for request in requests)
        return plan_actions((ActionRef(read.action_id or 0, read.image_id) for read in reads), feed)

    async def _read_actions(
        self, wanted: Sequence[PollRequest], everything: Sequence[PollRequest]
    ) -> None:
        by_id = grouped(everything, lambda request: request.read.action_id)
        self._feed.begin(_images(wanted))
        since_verified = 0
        while unseen := [request for request in wanted if request.open]:
            if (pages := self._plan(unseen).pages) > 0:
                await self._read_feed(by_id)
                since_verified += 1
                part = self._pages_between_verifications(self._feed.pages + pages)
                if since_verified >= part and not self._thrifty:
                    since_verified = 0
                    await self._read_images()
                continue
            try:
                await self._read_by_image(unseen)
            except (ServerError, TransportError):
                self._feed_again_at = 0.0  # if it failed too, it was not the list's fault
                raise
            return

    async def _read_feed(self, by_id: _Groups) -> None:
        try:
            page = await self._send(methodcaller("actions_page", self._feed.pages + 1))
        except DigitalOceanError as error:
            if isinstance(error, RateLimitedError | AuthenticationError):
                raise
            # A token may lack actions:read. To go by image instead may cost a hundred times as
            # much, so the first failure is not taken at its word: a refusal is asked for again at
            # once, a failing server with the next poll cycle.
            self._feed_failures += 1
            if self._feed_failures > 1:
                self._feed_again_at = self._clock() + FEED_PAUSE
            elif isinstance(error, ServerError | InvalidResponseError | TransportError):
                raise
            return
        self._feed_failures = 0
        self._feed.add_page([action.id for action in page.rows], last=page.last)
        await deliver((by_id.get(action.id, []), action) for action in page.rows)

    def _pages_between_verifications(self, pages: int) -> int:
        """Return after how many pages of a pass images are read; never more of them than pages."""
        images = ceil((self._total_images or PAGE_SIZE) / PAGE_SIZE)
        return max(ceil(pages / _VERIFICATIONS_PER_PASS), images)

    async def _send(self, call: Callable[[ApiClient], Any]) -> Any:
        """Send a request as soon as the budget allows it, and do meanwhile what cannot wait.

        :raises NotSentError: if it is a last poll, and too many had to use the reserve.
        """
        if self._thrifty:
            pause = self._pacer.last_poll_wait_time(self._clock())
            if pause > MINUTE:
                raise NotSentError("too many last polls: the rate-limit budget is used up")
            await asyncio.sleep(pause)
            reserve_used = self._pacer.wait_time(self._clock()) > 0
            return await self._send_now(call, last_poll=reserve_used)
        while (pause := self._pacer.wait_time(self._clock())) > 0:
            await asyncio.sleep(min(pause, _STEP))
            now = self._clock()
            if urgent := [
                one for one in self._pending() if one.latest <= now and not one.is_verification
            ]:
                await self._poll_last(urgent)
        return await self._send_now(call, last_poll=False)

    async def _poll_last(self, urgent: Sequence[PollRequest]) -> None:
        """Poll for waits whose deadline has come, in the middle of a pass for others."""
        feed, self._feed, self._thrifty = self._feed, replace(self._feed), True
        try:
            await self._read_actions(urgent, urgent)
        except NotSentError as error:
            await deliver([(urgent, error)])
        finally:
            self._feed, self._thrifty = feed, False

    async def _read_by_image(self, wanted: Sequence[PollRequest]) -> None:
        until = self._clock() + min(request.interval for request in wanted)
        await self._read_each(grouped(wanted, image_of), self._read_all_of, until)

    async def _read_each(
        self, by_image: _Groups, read: Callable[[list[PollRequest]], Awaitable[None]], until: float
    ) -> None:
        """Read image by image; those that ended an earlier poll cycle come last."""
        for image_id in sorted(by_image, key=lambda image_id: self._failed_at.get(image_id, 0.0)):
            try:
                await read(by_image[image_id])
            except DigitalOceanError:
                known = {key: at for key, at in self._failed_at.items() if key in by_image}
                self._failed_at = {**known, image_id: self._clock()}
                raise
            self._failed_at.pop(image_id, None)
            short = not self._thrifty and self._pacer.wait_time(self._clock()) > 0
            if short or self._clock() >= until:
                return

    async def _read_all_of(self, of_image: list[PollRequest]) -> None:
        by_id = grouped(of_image, lambda request: request.read.action_id)
        if len(by_id) > 1:
            await self._read_list_of(of_image[0].read.image_id, by_id)
        for same in by_id.values():
            await self._read_one(same)

    async def _read_list_of(self, image_id: int, by_id: _Groups) -> None:
        try:
            page = await self._send(methodcaller("newest_image_actions", image_id))
        except DigitalOceanError as error:
            if _concerns_all(error):
                raise
            return  # what the list does not give, each action may
        await deliver((by_id.get(action.id, []), action) for action in page.rows)

    async def _read_one(self, same: list[PollRequest]) -> None:
        if not any(request.open for request in same):
            return
        try:
            answer = await self._send(same[0].read.send)
        except DigitalOceanError as error:
            self._failures = self._failures + 1 if isinstance(error, ServerError) else 0
            if _concerns_all(error) or self._failures >= _TOO_MANY_FAILURES:
                # The error concerns other images, too.
                raise error.with_facts(image_id=None, action_id=None) from error
            await deliver([(same, error)])
        else:
            self._failures = 0
            await deliver([(same, answer)])

    async def _read_images(self) -> None:
        """Answer the open verifications, by pages of images where these are fewer requests."""
        wanted = [request for request in self._pending() if request.is_verification]
        if not wanted:
            return
        wanted.sort(key=lambda request: request.by)
        by_id = grouped(wanted, image_of)
        pending = {request.read.image_id for request in self._pending()}
        known = self._known_images
        self._known_images = {key: known[key] for key in known.keys() & pending}
        read, seen = 0, set[int]()
        while self._images_listed and image_pages_to_read(
            count_open(by_id), read, self._total_images
        ):
            try:
                page = await self._send(methodcaller("private_images_page", read + 1))
            except DigitalOceanError as error:
                if isinstance(error, RateLimitedError | AuthenticationError):
                    raise
                self._images_listed = False
                break
            read += 1
            self._total_images = page.total or 0
            self._known_images |= {image.id: image for image in page.rows if image.id in pending}
            await deliver((by_id.get(image.id, []), image) for image in page.rows)
            ids = {image.id for image in page.rows}
            if page.last or ids <= seen:  # a list that repeats itself must not be read for ever
                break
            seen |= ids
        until = self._clock() + min(request.interval for request in wanted)
        await self._read_each(by_id, self._read_one, until)


def _concerns_all(error: DigitalOceanError) -> bool:
    """Whether every other request would fail like this one."""
    return isinstance(error, RateLimitedError | AuthenticationError | TransportError)


def _images(requests: Iterable[PollRequest]) -> int:
    return len(set(map(image_of, requests)))
