"""A stand-in for DigitalOcean's API of images: stateful, on 127.0.0.1, and breakable on purpose.

    python -m airflow_provider_do_images.simulator --port 8765 --speed 60

or, in a test::

    with Simulator() as sim:
        requests.get(f"{sim.url}/v2/images", headers={"Authorization": "Bearer any"})

It knows nothing of the rest of this package: a shared parser would hide a shared mistake.
"""

from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock
from airflow_provider_do_images.simulator.faults import (
    ActionErrors,
    ActionStuck,
    ActionVanishes,
    Fault,
    Forbidden,
    ForeignAction,
    Hang,
    Held,
    Html,
    InvalidJson,
    LostAfter,
    LostBefore,
    NotFoundAfterWrite,
    RateLimited,
    RegionsLag,
    Reset,
    Revoked,
    RowsMissing,
    SlowBody,
    Status,
    Truncated,
)
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.server import Simulator

__all__ = [
    "ActionErrors",
    "ActionStuck",
    "ActionVanishes",
    "Fault",
    "Forbidden",
    "ForeignAction",
    "Hang",
    "Held",
    "Html",
    "InvalidJson",
    "LostAfter",
    "LostBefore",
    "ManualClock",
    "NotFoundAfterWrite",
    "RateLimited",
    "RegionsLag",
    "Reset",
    "Revoked",
    "RowsMissing",
    "Rules",
    "ScaledClock",
    "Simulator",
    "SlowBody",
    "Status",
    "Truncated",
]
