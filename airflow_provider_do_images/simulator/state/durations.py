"""How long actions take, in virtual seconds, drawn with a seed.

Transfers (reported, by example): about 3 to 6 minutes for small images, 20 and more across a
continent, 30 to 80 for some (packer-plugin-digitalocean#122 and #129, and others). Snapshots:
about 2 minutes for each used gigabyte (DigitalOcean docs, backups support page).
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from airflow_provider_do_images.simulator.state.regions import Region, distance_km

SHORTEST_TRANSFER = 120.0
LONGEST_TRANSFER = 4800.0
SLOW_SHARE = 0.05
"""The share of transfers that meets trouble on the way and takes several times as long."""
SNAPSHOT_SECONDS_PER_GIGABYTE = 120.0


def transfer_seconds(
    size_gigabytes: float, sources: Iterable[Region], destination: Region, random: Random
) -> float:
    """Return how long a copy takes from the nearest of ``sources`` to ``destination``.

    At most 80 minutes. A 2.5 GB image takes 2 to 5 minutes within a city and about three times
    that to the other side of the Earth.
    """
    distance = min((distance_km(source, destination) for source in sources), default=0.0)
    typical = 150.0 + size_gigabytes * (15.0 + distance / 80.0)
    seconds = typical * random.lognormvariate(0.0, 0.25)
    if random.random() < SLOW_SHARE:
        seconds *= random.uniform(2.0, 10.0)
    return min(max(seconds, SHORTEST_TRANSFER), LONGEST_TRANSFER)


def snapshot_seconds(size_gigabytes: float, random: Random) -> float:
    """Return how long a snapshot of a droplet with this much data takes."""
    return 20.0 + size_gigabytes * SNAPSHOT_SECONDS_PER_GIGABYTE * random.uniform(0.5, 1.1)
