"""The transfers of a task, stored for its retries by Airflow 3.3 and later."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers

log = logging.getLogger(__name__)

_KEY = "digitalocean_transfers"
"""The value is a dict of region slugs by action id. A cleared task may use it like a retried one:
the status of each action is always read from the API."""


def own_transfers(context: Context) -> OwnTransfers:
    """Return the transfers that earlier tries of this task submitted.

    The store only avoids a wait. Without it, or if it fails, the account is the only state.
    """
    store = context.get("task_state_store")
    if store is None:
        return OwnTransfers()

    def save(regions: Mapping[int, str]) -> None:
        try:
            store.set(_KEY, {str(action_id): region for action_id, region in regions.items()})
        except Exception:  # the backend may raise any error
            log.debug("The task's transfers could not be stored.", exc_info=True)

    try:
        stored: Any = store.get(_KEY, {})
        return OwnTransfers({int(key): str(value) for key, value in stored.items()}, save)
    except Exception:  # the backend may raise any error
        log.debug("The task's earlier transfers could not be read.", exc_info=True)
        return OwnTransfers(save=save)
