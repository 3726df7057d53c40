"""The price of snapshots. Pure."""

from __future__ import annotations

USD_PER_GIB_MONTH = 0.06
"""Price of a snapshot, for any number of regions (DigitalOcean, "Snapshots Pricing")."""

_MIN_USD_PER_MONTH = 0.01
"""Price of the smallest snapshot (same page)."""


def usd_per_month(size_gigabytes: float | None, price: float) -> float | None:
    """Return the monthly cost of a snapshot in USD, or ``None`` if its size is unknown.

    :param size_gigabytes: size in GiB.
    :param price: USD per GiB and month.
    """
    if size_gigabytes is None:
        return None
    return round(max(size_gigabytes * price, _MIN_USD_PER_MONTH if price else 0.0), 2)


def monthly_cost(size_gigabytes: float | None, price: float) -> str:
    """Describe the monthly cost of a snapshot."""
    cost = usd_per_month(size_gigabytes, price)
    if cost is None:
        return f"an unknown cost per month (unknown size) at {price:g} USD per GiB"
    return f"{cost:.2f} USD per month ({size_gigabytes:g} GiB at {price:g} USD per GiB)"
