"""Tables of images, droplets and actions, with sorted indexes for the lists of the API."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from airflow_provider_do_images.simulator.state.models import Action, Droplet, Image
from airflow_provider_do_images.simulator.state.regions import all_regions
from airflow_provider_do_images.simulator.state.sorted_index import SortedIndex
from airflow_provider_do_images.simulator.state.tag_names import TagNames

FIRST_IDS: dict[type, int] = {
    Image: 211_604_118,
    Droplet: 482_911_036,
    Action: 3_038_067_722,  # above 2^31, as recorded in February 2026
}
LARGEST_ID_STEP = 40


class Store:
    """Images, droplets and actions by id, with indexes sorted by time.

    Ids increase in random steps drawn from ``seed``, as in an API with many customers.
    """

    def __init__(self, seed: int) -> None:
        self.images: dict[int, Image] = {}
        self.deleted_images: dict[int, Image] = {}
        self.droplets: dict[int, Droplet] = {}
        self.actions: dict[int, Action] = {}
        self.tags = TagNames()
        self.regions = all_regions()
        self.image_index = SortedIndex()
        self.droplet_index = SortedIndex()
        self.action_index = SortedIndex()
        self._random = Random(seed)  # noqa: S311 - not for secrets
        self._last_ids = dict(FIRST_IDS)

    def next_id(self, kind: type[Image | Droplet | Action]) -> int:
        """Return an id larger than all previous ids of this kind."""
        self._last_ids[kind] += self._random.randint(1, LARGEST_ID_STEP)
        return self._last_ids[kind]

    def insert(self, item: Image | Droplet | Action) -> None:
        """Add an object to its table and index."""
        self._table_of(item)[item.id] = item
        self._add_to_index(item)

    def discard(self, item: Image | Droplet | Action) -> None:
        """Remove an object from its table and index."""
        del self._table_of(item)[item.id]
        self._remove_from_index(item)

    @contextmanager
    def reindexing(self, item: Image | Droplet) -> Iterator[None]:
        """Allow changes of indexed attributes (type, name, tags) inside the block."""
        self._remove_from_index(item)
        try:
            yield
        finally:
            self._add_to_index(item)

    def _table_of(self, item: Image | Droplet | Action) -> dict[int, Any]:
        tables: dict[type, dict[int, Any]]
        tables = {Image: self.images, Droplet: self.droplets, Action: self.actions}
        return tables[type(item)]

    def _add_to_index(self, item: Image | Droplet | Action) -> None:
        if not isinstance(item, Action):
            item.tags = self.tags.register(item.tags)
        index, keys, moment = self._index_entry(item)
        index.add(keys, moment, item.id)

    def _remove_from_index(self, item: Image | Droplet | Action) -> None:
        index, keys, moment = self._index_entry(item)
        index.remove(keys, moment, item.id)

    def _index_entry(
        self, item: Image | Droplet | Action
    ) -> tuple[SortedIndex, Iterator[Hashable], float]:
        if isinstance(item, Image):
            return self.image_index, image_keys(item), item.created_at
        if isinstance(item, Droplet):
            return self.droplet_index, droplet_keys(item), item.created_at
        return self.action_index, action_keys(item), item.started_at


def image_keys(image: Image) -> Iterator[Hashable]:
    """Yield the index keys of an image."""
    yield "all"
    yield "public" if image.public else "private"
    yield ("type", image.type)
    yield from (("tag", tag) for tag in image.tags)
    if image.droplet_id is not None:
        yield ("droplet", image.droplet_id, image.type)


def droplet_keys(droplet: Droplet) -> Iterator[Hashable]:
    """Yield the index keys of a droplet. Lists of the API separate droplets with GPUs."""
    kind = "gpus" if droplet.gpu else "droplets"
    yield kind
    yield (kind, "name", droplet.name.lower())
    for tag in droplet.tags:
        yield (kind, "tag", tag)
        yield ("tag", tag)


def action_keys(action: Action) -> Iterator[Hashable]:
    """Yield the index keys of an action."""
    yield "all"
    yield (action.resource_type, action.resource_id)
