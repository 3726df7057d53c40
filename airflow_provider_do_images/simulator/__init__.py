"""A simulator of DigitalOcean's image API: stateful, local, and with fault injection.

    do-images simulator --port 8765 --speed 60

or, in a test::

    with Simulator() as sim:
        requests.get(f"{sim.url}/v2/images", headers={"Authorization": "Bearer any"})

It shares no code with the rest of this package, since a shared parser would hide its own errors.
"""

from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock
from airflow_provider_do_images.simulator.faults.access import (
    ConcurrentAction,
    NotFoundAfterWrite,
    TokenRevoked,
)
from airflow_provider_do_images.simulator.faults.actions import (
    ActionDisappears,
    ActionErrors,
    ActionStuck,
    RegionsLag,
)
from airflow_provider_do_images.simulator.faults.base import Fault
from airflow_provider_do_images.simulator.faults.connections import (
    ConnectionReset,
    HeldRequest,
    NoResponse,
    RequestLost,
    ResponseLost,
)
from airflow_provider_do_images.simulator.faults.responses import (
    ErrorStatus,
    HtmlResponse,
    InvalidJson,
    MissingRows,
    RateLimited,
    SlowBody,
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
