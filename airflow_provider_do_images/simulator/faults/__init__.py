"""Faults to set up with ``sim.faults.add(...)``, named by what they do.

==================== ==================================================================
a request            ``Status``, ``RateLimited``, ``Forbidden``, ``Html``, ``InvalidJson``,
                     ``Truncated``, ``SlowBody``, ``RowsMissing``, ``LostBefore``, ``LostAfter``,
                     ``Reset``, ``Hang``, ``Held``, ``Revoked``, ``NotFoundAfterWrite``,
                     ``ForeignAction``
an action it begins  ``ActionErrors``, ``ActionStuck``, ``ActionVanishes``, ``RegionsLag``
==================== ==================================================================

Each strikes the next match once unless told otherwise; see ``RequestFault``, ``ActionFault`` and
``Fault`` for the matcher. ``Held``, ``SlowBody``, ``Truncated``, ``InvalidJson``,
``RowsMissing``, ``NotFoundAfterWrite`` and ``ForeignAction`` go on to the next fault that matches,
so they can be combined; the others end the request.
"""

from airflow_provider_do_images.simulator.faults.access import (
    ForeignAction,
    NotFoundAfterWrite,
    Revoked,
)
from airflow_provider_do_images.simulator.faults.actions import (
    ActionErrors,
    ActionStuck,
    ActionVanishes,
    RegionsLag,
)
from airflow_provider_do_images.simulator.faults.base import (
    ActionFault,
    Fault,
    FaultList,
    RequestFault,
)
from airflow_provider_do_images.simulator.faults.connections import (
    Hang,
    Held,
    LostAfter,
    LostBefore,
    Reset,
)
from airflow_provider_do_images.simulator.faults.responses import (
    Forbidden,
    Html,
    InvalidJson,
    RateLimited,
    RowsMissing,
    SlowBody,
    Status,
    Truncated,
)

__all__ = [
    "ActionErrors",
    "ActionFault",
    "ActionStuck",
    "ActionVanishes",
    "Fault",
    "FaultList",
    "Forbidden",
    "ForeignAction",
    "Hang",
    "Held",
    "Html",
    "InvalidJson",
    "LostAfter",
    "LostBefore",
    "NotFoundAfterWrite",
    "RateLimited",
    "RegionsLag",
    "RequestFault",
    "Reset",
    "Revoked",
    "RowsMissing",
    "SlowBody",
    "Status",
    "Truncated",
]
