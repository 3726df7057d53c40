"""An account on a clock that is moved by hand, without HTTP."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator.clock import ManualClock
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.seed_data import seed_default_account

WEDNESDAY_AT_TEN = 1_772_618_400  # 2026-03-04T10:00:00Z


@pytest.fixture
def clock():
    """A clock that stands on a Wednesday, 10 o'clock UTC."""
    return ManualClock(WEDNESDAY_AT_TEN)


@pytest.fixture
def make_state(clock):
    """Make an empty account with other switches or another seed."""

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
    """A backup in nyc3, of no droplet."""
    return state.add_image("a-backup", type="backup")


@pytest.fixture
def default_account():
    """Make the default account, as it is at a moment."""

    def make(seed=1, start=WEDNESDAY_AT_TEN):
        account = AccountState(ManualClock(start), seed=seed)
        seed_default_account(account)
        return account

    return make
