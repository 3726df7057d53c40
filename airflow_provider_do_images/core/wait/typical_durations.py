"""How long copies to a region took lately, by the account's own history.

An action reports its image and its destination, but no source. The comparison uses completed
transfers to the same region of images of about this size, among the account's newest actions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_do_images.api import (
    NO_RETRY,
    ActionStatus,
    DigitalOceanError,
    Image,
    ImageAction,
    NotFoundError,
    PermissionDeniedError,
)
from airflow_provider_do_images.core.messages import duration_text

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

SAMPLE_SIZE = 10
"""Maximum number of recent transfers to a region that are compared."""

MAX_SIZE_READS = 3
"""Maximum number of images whose size is read for the comparison, one request each."""

_ABOUT = (0.5, 2.0)
"""Two images are of similar size if their ratio is between these bounds."""


@dataclass(frozen=True, slots=True)
class TypicalDuration:
    """How long the last transfers to a region took, in seconds.

    :param number: how many there were.
    """

    median: float
    longest: float
    number: int

    def __str__(self) -> str:
        return (
            f"{duration_text(self.median)} (median of the last {self.number}), "
            f"{duration_text(self.longest)} at most"
        )


class Transfer(NamedTuple):
    """A completed transfer, and how many seconds it took."""

    image_id: int
    region: str
    seconds: float


def completed_transfers(actions: Iterable[ImageAction], regions: Collection[str]) -> list[Transfer]:
    """Return the completed transfers to some regions, in the order of the actions."""
    return [
        Transfer(
            action.image_id,
            action.region_slug,
            (action.completed_at - action.started_at).total_seconds(),
        )
        for action in actions
        if action.type == "transfer"
        and action.status is ActionStatus.COMPLETED
        and action.image_id is not None
        and action.region_slug in regions
        and action.region_slug is not None
        and action.started_at is not None
        and action.completed_at is not None
    ]


def typical_durations(
    regions: Iterable[str],
    size: float | None,
    transfers: Iterable[Transfer],
    sizes: Mapping[int, float | None],
) -> dict[str, TypicalDuration | None]:
    """Return how long transfers to each region took, ``None`` where nothing can be compared.

    :param size: of the image that is copied now, in GiB.
    :param transfers: newest first.
    :param sizes: of images by their ids, in GiB.
    """
    seconds: dict[str, list[float]] = {region: [] for region in regions}
    for transfer in transfers:
        taken = seconds.get(transfer.region, [])
        if len(taken) < SAMPLE_SIZE and _about(size, sizes.get(transfer.image_id)):
            taken.append(transfer.seconds)
    return {
        region: TypicalDuration(median(taken), max(taken), len(taken)) if taken else None
        for region, taken in seconds.items()
    }


def read_typical_durations(
    client: ApiClient, image: Image, regions: Collection[str]
) -> dict[str, TypicalDuration | None]:
    """Read the newest 200 actions and the sizes of a few images; return the typical durations.

    The token needs the scope ``actions:read``. Without it, or if a request fails, the durations are
    unknown: they are only for the log. Failed requests are not resent.
    """
    transfers: list[Transfer] = []
    sizes: dict[int, float | None] = {image.id: image.size_gigabytes}
    try:
        if image.size_gigabytes:
            transfers = completed_transfers(client.actions_page(1).rows, regions)
        others = dict.fromkeys(t.image_id for t in transfers if t.image_id != image.id)
        for image_id in list(others)[:MAX_SIZE_READS]:
            sizes[image_id] = _read_size(client, image_id)
    except PermissionDeniedError as error:
        log.debug("The typical duration of these transfers is unknown. %s", error)
    except DigitalOceanError as error:
        log.info("Reading the typical duration of these transfers failed. %s", error)
    return typical_durations(regions, image.size_gigabytes, transfers, sizes)


def _read_size(client: ApiClient, image_id: int) -> float | None:
    try:
        return client.get_image(image_id, retry=NO_RETRY).size_gigabytes
    except NotFoundError:  # deleted since
        return None


def _about(size: float | None, other: float | None) -> bool:
    if not size or not other:
        return False
    least, most = _ABOUT
    return least * size <= other <= most * size
