"""The parts of a simulator without HTTP: account, clock, faults, limits, tokens, journal."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_do_images.simulator.clock import Clock
from airflow_provider_do_images.simulator.faults.base import Fault, FaultList
from airflow_provider_do_images.simulator.http.rate_limits import RateLimits
from airflow_provider_do_images.simulator.http.tokens import Tokens
from airflow_provider_do_images.simulator.journal import Journal
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.seed_data import seed_default_account


class Backend:
    """The account of one simulator and everything that affects its responses."""

    clock: Clock
    """The source of virtual time."""
    state: AccountState
    """The account, to read and change."""
    faults: FaultList
    """The injected faults."""
    journal: Journal
    """The requests so far."""
    tokens: Tokens
    """The valid tokens. Until one is added, any token is valid."""
    limits: RateLimits
    """The request counts for the rate limits."""

    def __init__(self, clock: Clock, rules: Rules, seed: int, faults: Iterable[Fault] = ()) -> None:
        self.clock = clock
        self.rules = rules
        self.seed = seed
        self.journal = Journal()
        self.reset()
        for fault in faults:
            self.faults.add(fault)

    def reset(self, clock: Clock | None = None) -> None:
        """Restore the default account and remove faults, tokens, counts and journal entries.

        :param clock: a new clock; None: the current clock continues.
        """
        self.clock = clock or self.clock
        self.tokens = Tokens()
        self.limits = RateLimits(self.clock, self.rules)
        self.faults = FaultList(self.clock, self.seed)
        self.state = AccountState(self.clock, self.rules, self.seed)
        seed_default_account(self.state)
        self.state.decide_outcome = self.faults.decide_outcome
        self.journal.clear()
