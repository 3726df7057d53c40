"""Operators for DigitalOcean images.

Each class is loaded when it is first imported, so that a DAG file loads only what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_do_images.operators.action_history import (
        DigitalOceanListImageActionsOperator,
    )
    from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator
    from airflow_provider_do_images.operators.image_actions import (
        DigitalOceanConvertImageOperator,
        DigitalOceanTransferImageOperator,
    )
    from airflow_provider_do_images.operators.replication import DigitalOceanReplicateImageOperator
    from airflow_provider_do_images.operators.restore_points import (
        DigitalOceanListRestorePointsOperator,
    )
    from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator

__all__ = [
    "DigitalOceanAuditSnapshotsOperator",
    "DigitalOceanConvertImageOperator",
    "DigitalOceanListImageActionsOperator",
    "DigitalOceanListRestorePointsOperator",
    "DigitalOceanPruneSnapshotsOperator",
    "DigitalOceanReplicateImageOperator",
    "DigitalOceanTransferImageOperator",
]

_MODULES = {
    "DigitalOceanAuditSnapshotsOperator": "audit",
    "DigitalOceanConvertImageOperator": "image_actions",
    "DigitalOceanListImageActionsOperator": "action_history",
    "DigitalOceanListRestorePointsOperator": "restore_points",
    "DigitalOceanPruneSnapshotsOperator": "snapshots",
    "DigitalOceanReplicateImageOperator": "replication",
    "DigitalOceanTransferImageOperator": "image_actions",
}


def __getattr__(name: str) -> Any:
    """Load the module of an operator when the operator is first imported."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
