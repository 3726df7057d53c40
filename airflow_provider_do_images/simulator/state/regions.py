"""DigitalOcean's regions: names, features, and where on Earth they are.

The list, its order and the features are those of a recorded answer of ``/v2/regions`` (February
2026, confirmed). ``ric1`` is not in it, yet holds images (confirmed): which regions are listed
depends on the account. The coordinates are those of the cities; only distances are made from them.
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

    ``available`` says whether new droplets may be made there; images can be sent there anyway.
    ``listed`` says whether this account sees it in ``/v2/regions``.
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
    """Return fresh regions by slug, in the order in which the API lists them."""
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
    """Return the distance between two regions along the surface."""
    south, north = radians(one.latitude), radians(other.latitude)
    half_height = sin((north - south) / 2) ** 2
    half_width = sin(radians(other.longitude - one.longitude) / 2) ** 2
    chord = sqrt(half_height + cos(south) * cos(north) * half_width)
    return 2 * EARTH_RADIUS_KM * asin(chord)
