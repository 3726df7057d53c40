"""DigitalOcean's regions: names, features and coordinates.

Source: a recorded response of ``/v2/regions`` (February 2026, confirmed). ``ric1`` was not listed
there, but images exist in it (confirmed): the listed regions depend on the account. Coordinates
are those of the cities; they are used only for distances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0
FEATURES = ("backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer")
WITHOUT_STORAGE = tuple(feature for feature in FEATURES if feature != "storage")
SIZES = (
    "s-1vcpu-512mb-10gb",
    "s-1vcpu-1gb",
    "s-1vcpu-2gb",
    "s-2vcpu-2gb",
    "s-2vcpu-4gb",
    "s-4vcpu-8gb",
    "s-8vcpu-16gb",
    "c-2",
    "g-2vcpu-8gb",
)


@dataclass(slots=True)
class Region:
    """A datacenter region.

    :param available: new droplets can be created there; images can be transferred in any case.
    :param listed: ``/v2/regions`` lists it for this account.
    """

    slug: str
    name: str
    latitude: float
    longitude: float
    available: bool = True
    features: tuple[str, ...] = FEATURES
    sizes: tuple[str, ...] = field(default=SIZES, repr=False)
    listed: bool = True


def all_regions() -> dict[str, Region]:
    """Return new ``Region`` objects by slug, in the order of the API."""
    closed = {"available": False, "features": WITHOUT_STORAGE, "sizes": ()}
    regions = (
        Region("nyc1", "New York 1", 40.71, -74.01),
        Region("sfo1", "San Francisco 1", 37.77, -122.42, **closed),  # type: ignore[arg-type]
        Region("nyc2", "New York 2", 40.71, -74.01),
        Region("ams2", "Amsterdam 2", 52.37, 4.90, **closed),  # type: ignore[arg-type]
        Region("sgp1", "Singapore 1", 1.35, 103.82),
        Region("lon1", "London 1", 51.51, -0.13),
        Region("nyc3", "New York 3", 40.71, -74.01),
        Region("ams3", "Amsterdam 3", 52.37, 4.90),
        Region("fra1", "Frankfurt 1", 50.11, 8.68),
        Region("tor1", "Toronto 1", 43.65, -79.38),
        Region("sfo2", "San Francisco 2", 37.77, -122.42),
        Region("blr1", "Bangalore 1", 12.97, 77.59),
        Region("sfo3", "San Francisco 3", 37.77, -122.42),
        Region("syd1", "Sydney 1", -33.87, 151.21),
        Region("atl1", "Atlanta 1", 33.75, -84.39),
        Region("ric1", "Richmond 1", 37.54, -77.44, listed=False),
    )
    return {region.slug: region for region in regions}


def distance_km(one: Region, other: Region) -> float:
    """Return the great-circle distance between two regions."""
    south, north = radians(one.latitude), radians(other.latitude)
    half_height = sin((north - south) / 2) ** 2
    half_width = sin(radians(other.longitude - one.longitude) / 2) ** 2
    chord = sqrt(half_height + cos(south) * cos(north) * half_width)
    return 2 * EARTH_RADIUS_KM * asin(chord)
