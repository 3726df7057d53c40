"""Faults to inject with ``sim.faults.add(...)``.

=================== ===============================================================================
applies to          faults
=================== ===============================================================================
a request           ``ErrorStatus``, ``RateLimited``, ``TransientForbidden``, ``HtmlResponse``,
                    ``InvalidJson``, ``TruncatedBody``, ``SlowBody``, ``MissingRows``,
                    ``RequestLost``, ``ResponseLost``, ``ConnectionReset``, ``NoResponse``,
                    ``HeldRequest``, ``TokenRevoked``, ``NotFoundAfterWrite``, ``ConcurrentAction``
a submitted action  ``ActionErrors``, ``ActionStuck``, ``ActionDisappears``, ``RegionsLag``
=================== ===============================================================================

By default a fault applies once, to the next match; see ``RequestFault``, ``ActionFault`` and
``Fault`` for the parameters. ``HeldRequest``, ``SlowBody``, ``TruncatedBody``, ``InvalidJson``,
``MissingRows``, ``NotFoundAfterWrite`` and ``ConcurrentAction`` pass the request on to the next
matching fault, so they can be combined. The others end the request.
"""

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
from airflow_provider_do_images.simulator.faults.base import (
    ActionFault,
    Fault,
    FaultList,
    RequestFault,
)
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

__all__ = [
    "ActionDisappears",
    "ActionErrors",
    "ActionFault",
    "ActionStuck",
    "ConcurrentAction",
    "ConnectionReset",
    "ErrorStatus",
    "Fault",
    "FaultList",
    "HeldRequest",
    "HtmlResponse",
    "InvalidJson",
    "MissingRows",
    "NoResponse",
    "NotFoundAfterWrite",
    "RateLimited",
    "RegionsLag",
    "RequestFault",
    "RequestLost",
    "ResponseLost",
    "SlowBody",
    "TokenRevoked",
    "TransientForbidden",
    "TruncatedBody",
]
