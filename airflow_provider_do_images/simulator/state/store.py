"""The account's tables and the orders in which the API lists them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from random import Random

from airflow_provider_do_images.simulator.state.models import Action, Droplet, Image
from airflow_provider_do_images.simulator.state.regions import all_regions
from airflow_provider_do_images.simulator.state.sorted_index import SortedIndex
from airflow_provider_do_images.simulator.state.tag_names import TagNames

FIRST_ACTION_ID = 3_038_067_722  # above 2^31, as recorded in February 2026
FIRST_IMAGE_ID = 211_604_118
FIRST_DROPLET_ID = 482_911_036
LARGEST_ID_STEP = 40


class Store:
    """Images, droplets and actions by id, and lists of them by time.

    Ids rise by uneven steps drawn from ``seed``, as they do in an API with many customers.
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
        self._last_ids = {
            Image: FIRST_IMAGE_ID,
            Droplet: FIRST_DROPLET_ID,
            Action: FIRST_ACTION_ID,
        }

    def next_id(self, kind: type[Image | Droplet | Action]) -> int:
        """Return an id that is larger than all before it of this kind."""
        self._last_ids[kind] += self._random.randint(1, LARGEST_ID_STEP)
        return self._last_ids[kind]

    def insert_image(self, image: Image) -> None:
        """Add an image."""
        self.images[image.id] = image
        image.tags = self.tags.register(image.tags)
        self.image_index.add(image_keys(image), image.created_at, image.id)

    def discard_image(self, image: Image) -> None:
        """Take an image out of all lists, for ever."""
        del self.images[image.id]
        self.image_index.remove(image_keys(image), image.created_at, image.id)

    @contextmanager
    def reindexing_image(self, image: Image) -> Iterator[Image]:
        """Change what the image is listed by (type, tags) inside this block."""
        self.image_index.remove(image_keys(image), image.created_at, image.id)
        try:
            yield image
        finally:
            image.tags = self.tags.register(image.tags)
            self.image_index.add(image_keys(image), image.created_at, image.id)

    def insert_droplet(self, droplet: Droplet) -> None:
        """Add a droplet."""
        self.droplets[droplet.id] = droplet
        droplet.tags = self.tags.register(droplet.tags)
        self.droplet_index.add(droplet_keys(droplet), droplet.created_at, droplet.id)

    def discard_droplet(self, droplet: Droplet) -> None:
        """Take a droplet out of all lists, for ever."""
        del self.droplets[droplet.id]
        self.droplet_index.remove(droplet_keys(droplet), droplet.created_at, droplet.id)

    @contextmanager
    def reindexing_droplet(self, droplet: Droplet) -> Iterator[Droplet]:
        """Change what the droplet is listed by (name, tags) inside this block."""
        self.droplet_index.remove(droplet_keys(droplet), droplet.created_at, droplet.id)
        try:
            yield droplet
        finally:
            droplet.tags = self.tags.register(droplet.tags)
            self.droplet_index.add(droplet_keys(droplet), droplet.created_at, droplet.id)

    def insert_action(self, action: Action) -> None:
        """Add an action."""
        self.actions[action.id] = action
        self.action_index.add(action_keys(action), action.started_at, action.id)

    def drop_action(self, action: Action) -> None:
        """Take an action out of all lists, as the real API never does on purpose."""
        del self.actions[action.id]
        self.action_index.remove(action_keys(action), action.started_at, action.id)


def image_keys(image: Image) -> Iterator[Hashable]:
    """Yield the lists that an image stands in."""
    yield "all"
    yield "public" if image.public else "private"
    yield ("type", image.type)
    yield from (("tag", tag) for tag in image.tags)
    if image.droplet_id is not None:
        yield ("droplet", image.droplet_id, image.type)


def droplet_keys(droplet: Droplet) -> Iterator[Hashable]:
    """Yield the lists that a droplet stands in: by kind, and by tag also whatever its kind."""
    kind = "gpus" if droplet.gpu else "droplets"
    yield kind
    yield (kind, "name", droplet.name.lower())
    for tag in droplet.tags:
        yield (kind, "tag", tag)
        yield ("tag", tag)


def action_keys(action: Action) -> Iterator[Hashable]:
    """Yield the lists that an action stands in."""
    yield "all"
    yield (action.resource_type, action.resource_id)
