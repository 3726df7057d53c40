"""An account with a manual clock, without HTTP."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator.clock import ManualClock
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.seed_data import seed_default_account

WEDNESDAY_AT_TEN = 1_772_618_400  # 2026-03-04T10:00:00Z


@pytest.fixture
def clock():
    """A manual clock at a Wednesday, 10:00 UTC."""
    return ManualClock(WEDNESDAY_AT_TEN)


@pytest.fixture
def make_state(clock):
    """Create an empty account with switches and a seed."""

    def make(seed=1, **switches):
        return AccountState(clock, Rules(**switches), seed)

    return make


@pytest.fixture
def state(make_state):
    """An empty account."""
    return make_state()


@pytest.fixture
def snapshot(state):
    """A snapshot in nyc3."""
    return state.add_image("a-snapshot")


@pytest.fixture
def backup(state):
    """A backup in nyc3 without a droplet."""
    return state.add_image("a-backup", type="backup")


@pytest.fixture
def default_account():
    """Create the default account at a time."""

    def make(seed=1, start=WEDNESDAY_AT_TEN):
        account = AccountState(ManualClock(start), seed=seed)
        seed_default_account(account)
        return account

    return make
