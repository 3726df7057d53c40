"""Faults of tokens and of concurrent changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from starlette.responses import Response

from airflow_provider_do_images.simulator.faults.base import RequestFault
from airflow_provider_do_images.simulator.http import responses
from airflow_provider_do_images.simulator.http.fault_chain import FaultChain


@dataclass(eq=False)
class TokenRevoked(RequestFault):
    """The request's token is revoked.

    :param replacement: the only valid token from then on.
    :param plain_text: return text instead of JSON (reported: typhoon#165).
    """

    replacement: str | None = None
    plain_text: bool = False

    async def intercept(self, chain: FaultChain) -> Response:
        """Return a 401."""
        if chain.token is not None:
            chain.tokens.revoke(chain.token)
        if self.replacement is not None:
            chain.tokens.allow(self.replacement)
        if self.plain_text:
            return responses.text_response(401, "Unauthorized")
        return chain.handle()


@dataclass(eq=False)
class NotFoundAfterWrite(RequestFault):
    """A new action is not readable at first (reported: terraform-provider-digitalocean#1600).

    :param reads: how many reads of the new action return 404.
    """

    method: str = "POST"
    reads: int = 2

    async def intercept(self, chain: FaultChain) -> Response:
        """Hide the action that the request starts, also if the response is lost."""
        actions, handle = chain.state.actions, chain.handle

        def handle_and_hide() -> Response:
            with chain.state.lock:
                newest = next(reversed(actions), 0)
                response = handle()
                for action_id in takewhile(lambda id_: id_ > newest, reversed(actions)):
                    actions[action_id].not_found_reads = self.reads
            return response

        chain.handle = handle_and_hide
        return await chain.proceed()


@dataclass(eq=False)
class ConcurrentAction(RequestFault):
    """Another client starts an action on an image, just before this request is handled.

    :param image_id: the image; default: the newest private one.
    :param status: any text, also an undocumented status.
    :param type: the action's type.
    :param region: slug of its region.
    """

    image_id: int | None = None
    status: str = "queued"
    type: str = "transfer"
    region: str = "fra1"

    async def intercept(self, chain: FaultChain) -> Response:
        """Add the action, then handle the request."""
        state = chain.state
        newest = state.image_index.newest_first("private", 0, 1)
        image_id = self.image_id or next(iter(newest), None)
        if image_id is not None:
            state.add_action(image_id, type=self.type, region=self.region, status=self.status)
        return await chain.proceed()
