"""What a task keeps for its next tries, where Airflow offers a place for it (3.3 and newer)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers

log = logging.getLogger(__name__)

_KEY = "digitalocean_transfers"
"""Its value is a dict of region slugs by action id. Both are facts of the account, which a cleared
task may use like a retried one: whether an action still runs is read from the API each time."""


def own_transfers(context: Context) -> OwnTransfers:
    """Return the transfers that earlier tries of this task have submitted.

    It only saves a wait: without a store, or if the store fails, the account decides alone.
    """
    store = context.get("task_state_store")
    if store is None:
        return OwnTransfers()

    def save(regions: Mapping[int, str]) -> None:
        try:
            store.set(_KEY, {str(action_id): region for action_id, region in regions.items()})
        except Exception:  # whatever its backend raises
            log.debug("The task's transfers could not be stored.", exc_info=True)

    try:
        stored: Any = store.get(_KEY, {})
        return OwnTransfers({int(key): str(value) for key, value in stored.items()}, save)
    except Exception:  # whatever its backend raises
        log.debug("The task's earlier transfers could not be read.", exc_info=True)
        return OwnTransfers(save=save)
