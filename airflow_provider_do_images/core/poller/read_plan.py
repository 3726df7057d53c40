"""How to see many actions or images with few requests. Pure: no clock, no I/O.

An action can be read alone, in the list of its image, or in the list of the account's actions (200
on a page, newest first), which needs a scope of its own and has other actions in it too. How deep
in that list an action lies is estimated from its id: ids grow with time, so ids that lie twice as
far back are about twice as many pages down. A wrong estimate costs requests, never a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import NamedTuple

from airflow_provider_do_images.api.validation import PAGE_SIZE


class ActionRef(NamedTuple):
    """An action that somebody waits for."""

    action_id: int
    image_id: int


class ReadPlan(NamedTuple):
    """How to see a set of actions.

    :param pages: further pages of the account's list to read; the rest is read image by image.
    :param requests: how many requests that makes in all.
    """

    pages: int
    requests: int


@dataclass(slots=True)
class AccountActionsCursor:
    """What is known of the account's list of actions.

    :param newest_id: the highest id that was seen.
    :param ids_per_page: by how much the ids on a page lie back from those on the page before.
    :param pages: pages that the present poll cycle has read.
    :param most: pages that it may read. Wrong estimates could make it read page after page, so
        there are no more of them than images that could be read instead.
    :param oldest_id: the last id on the last page that was read.
    :param ended: whether the list has no further page.
    """

    newest_id: int = 0
    ids_per_page: float | None = None
    pages: int = 0
    most: int = 0
    oldest_id: float = inf
    ended: bool = False

    def begin(self, images: int) -> None:
        """Begin a new poll cycle at the top of the list.

        :param images: how many images could be read instead.
        """
        self.pages, self.most, self.oldest_id, self.ended = 0, images, inf, False

    def add_page(self, ids: Sequence[int], *, last: bool) -> None:
        """Take note of the next page."""
        self.pages += 1
        self.ended = last or not ids
        if ids:
            self.newest_id = max(self.newest_id, *ids)
            self.oldest_id = min(self.oldest_id, ids[-1])
            self.ids_per_page = max((self.newest_id - self.oldest_id) / self.pages, 1.0)

    def page_of(self, action_id: int, newer: int) -> float:
        """Estimate on which page an unseen action is; infinity if it will not come.

        :param newer: how many of the wanted actions are newer.
        """
        if self.ended or self.pages >= self.most or action_id >= self.oldest_id:
            return inf
        if self.ids_per_page is None:
            return 1 + newer // PAGE_SIZE
        depth = ceil((self.newest_id - action_id) / self.ids_per_page)
        return max(depth, self.pages + 1)


def plan_actions(wanted: Iterable[ActionRef], feed: AccountActionsCursor | None) -> ReadPlan:
    """Return the way to see all wanted actions that needs the fewest requests.

    :param feed: the account's list, if it can be used.
    """
    newest_first = sorted(wanted, reverse=True)
    # From the deepest on: everything from there down is read by its image, the rest by pages.
    one_by_one: set[int] = set()
    by_page: list[tuple[int, int]] = []
    for newer, (action_id, image_id) in enumerate(newest_first):
        page = feed.page_of(action_id, newer) if feed else inf
        if page == inf:
            one_by_one.add(image_id)
        else:
            by_page.append((int(page), image_id))
    best = None
    while by_page:
        page = by_page[-1][0]
        further = page - (feed.pages if feed else 0)
        if best is None or further + len(one_by_one) < best.requests:
            best = ReadPlan(further, further + len(one_by_one))
        while by_page and by_page[-1][0] == page:
            one_by_one.add(by_page.pop()[1])
    plain = ReadPlan(0, len(one_by_one))
    return plain if best is None or plain.requests <= best.requests else best


def should_read_all(due: ReadPlan, everything: ReadPlan, share_left: float) -> bool:
    """Whether to read all actions although only some polls are due.

    An action that is read early is not due again for a whole interval, so the extra cost is only
    the part of the requests that would not have been due yet.

    :param share_left: the part of an interval after which the next of the others is due, 0 to 1.
    """
    return everything.requests * share_left <= due.requests


def image_pages_to_read(wanted: int, read: int, total: int | None) -> bool:
    """Whether to read the next page of the private images instead of single images.

    :param wanted: distinct images still to be read.
    :param read: pages that were read already.
    :param total: number of images in the list, if known from a first page.
    """
    if total is None:
        return wanted > 2  # noqa: PLR2004 - one or two reads cost no more than the first page
    return 0 < ceil(total / PAGE_SIZE) - read < wanted
