"""What snapshots cost. Pure."""

from __future__ import annotations

USD_PER_GIB_MONTH = 0.06
"""What a snapshot costs, whatever the number of its regions (DigitalOcean, "Snapshots Pricing")."""

_LEAST = 0.01
"""What the smallest snapshot costs in a month, in USD, by the same page."""


def usd_per_month(size_gigabytes: float | None, price: float) -> float | None:
    """Return what a snapshot costs in a month, in USD; ``None`` if its size is not told.

    :param size_gigabytes: its size in GiB.
    :param price: USD for a GiB.
    """
    if size_gigabytes is None:
        return None
    return round(max(size_gigabytes * price, _LEAST if price else 0.0), 2)


def monthly_cost(size_gigabytes: float | None, price: float) -> str:
    """Say what a snapshot costs in a month."""
    cost = usd_per_month(size_gigabytes, price)
    if cost is None:
        return f"an unknown sum a month (its size is not told) at {price:g} USD per GiB"
    return f"{cost:.2f} USD a month ({size_gigabytes:g} GiB at {price:g} USD per GiB)"
