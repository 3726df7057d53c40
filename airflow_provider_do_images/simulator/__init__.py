"""A stand-in for DigitalOcean's API of images: stateful, on 127.0.0.1, and breakable on purpose.

    python -m airflow_provider_do_images.simulator --port 8765 --speed 60

or, in a test::

    with Simulator() as sim:
        requests.get(f"{sim.url}/v2/images", headers={"Authorization": "Bearer any"})

It knows nothing of the rest of this package: a shared parser would hide a shared mistake.
"""

from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock
from airflow_provider_do_images.simulator.faults import (
    ActionDisappears,
    ActionErrors,
    ActionStuck,
    ConcurrentAction,
    ConnectionReset,
    ErrorStatus,
    Fault,
    HeldRequest,
    HtmlResponse,
    InvalidJson,
    MissingRows,
    NoResponse,
    NotFoundAfterWrite,
    RateLimited,
    RegionsLag,
    RequestLost,
    ResponseLost,
    SlowBody,
    TokenRevoked,
    TransientForbidden,
    TruncatedBody,
)
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.server import Simulator

__all__ = [
    "ActionDisappears",
    "ActionErrors",
    "ActionStuck",
    "ConcurrentAction",
    "ConnectionReset",
    "ErrorStatus",
    "Fault",
    "HeldRequest",
    "HtmlResponse",
    "InvalidJson",
    "ManualClock",
    "MissingRows",
    "NoResponse",
    "NotFoundAfterWrite",
    "RateLimited",
    "RegionsLag",
    "RequestLost",
    "ResponseLost",
    "Rules",
    "ScaledClock",
    "Simulator",
    "SlowBody",
    "TokenRevoked",
    "TransientForbidden",
    "TruncatedBody",
]
