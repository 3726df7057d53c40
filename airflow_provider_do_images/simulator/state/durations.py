"""Durations of actions in virtual seconds, random by seed.

Transfers (reported): 3 to 6 min for small images, 20 min and more across a continent, 30 to 80 min
for some (packer-plugin-digitalocean#122 and #129, and others). Snapshots: about 2 min per used
gigabyte (DigitalOcean docs, backups support page).
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from airflow_provider_do_images.simulator.state.regions import Region, distance_km

SHORTEST_TRANSFER = 120.0
LONGEST_TRANSFER = 4800.0
SLOW_SHARE = 0.05
"""The share of transfers that take several times the typical duration."""
SNAPSHOT_SECONDS_PER_GIGABYTE = 120.0


def transfer_seconds(
    size_gigabytes: float, sources: Iterable[Region], destination: Region, random: Random
) -> float:
    """Return the duration of a transfer from the nearest of ``sources`` to ``destination``.

    At most 80 min. A 2.5 GB image takes 2 to 5 min within a city and about three times as long to
    the opposite side of the Earth.
    """
    distance = min((distance_km(source, destination) for source in sources), default=0.0)
    typical = 150.0 + size_gigabytes * (15.0 + distance / 80.0)
    seconds = typical * random.lognormvariate(0.0, 0.25)
    if random.random() < SLOW_SHARE:
        seconds *= random.uniform(2.0, 10.0)
    return min(max(seconds, SHORTEST_TRANSFER), LONGEST_TRANSFER)


def snapshot_seconds(size_gigabytes: float, random: Random) -> float:
    """Return the duration of a snapshot of a droplet with this much used disk space."""
    return 20.0 + size_gigabytes * SNAPSHOT_SECONDS_PER_GIGABYTE * random.uniform(0.5, 1.1)
